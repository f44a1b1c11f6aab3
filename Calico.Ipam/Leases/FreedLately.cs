using System.Collections.Concurrent;
using System.Net;

namespace Calico.Ipam;

/// <summary>Addresses that this process freed a moment ago: assigned last, since somebody may still send to their former owner.</summary>
internal sealed class FreedLately(TimeProvider time, TimeSpan rest)
{
    private readonly ConcurrentDictionary<IPAddress, long> _freedAt = [];

    public void Note(IEnumerable<IPAddress> addresses)
    {
        var now = time.GetTimestamp();
        foreach (var address in addresses)
        {
            _freedAt[address] = now;
        }
    }

    public bool Contains(IPAddress address) => _freedAt.TryGetValue(address, out var at) && time.GetElapsedTime(at) < rest;

    /// <summary>Forgets those that have rested.</summary>
    public void Trim()
    {
        foreach (var (address, at) in _freedAt)
        {
            if (time.GetElapsedTime(at) >= rest)
            {
                _freedAt.TryRemove(KeyValuePair.Create(address, at));
            }
        }
    }
}
