using System.Collections.Concurrent;
using System.Net;

namespace Calico.Plugins.Docker.Addresses;

/// <summary>Addresses that were freed with their endpoint, and whose own release is still to come: it says only the address, and may come
/// when the next one has it.</summary>
internal sealed class FreedAddresses(TimeProvider time)
{
    /// <summary>Both calls come one after the other; a dockerd that died in between never sends the second.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<IPAddress, long> _freedAt = new();

    public void Add(IPAddress address)
    {
        foreach (var (other, since) in _freedAt)
        {
            if (time.GetElapsedTime(since) > Patience)
            {
                _freedAt.TryRemove(KeyValuePair.Create(other, since));
            }
        }

        _freedAt[address] = time.GetTimestamp();
    }

    /// <returns>Whether a release of the address is this one; the next is not.</returns>
    public bool Take(IPAddress address) => _freedAt.TryRemove(address, out var since) && time.GetElapsedTime(since) <= Patience;
}
