using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Calico.Plugins.Docker.Serving;

/// <summary>Which process makes the call that is being answered, and who has called for a network. No call names its daemon, and more than
/// one may be at the sockets.</summary>
internal sealed class CallingProcess
{
    /// <summary>A daemon's restarts are few; what is older proves nothing that the network itself does not.</summary>
    private const int Remembered = 16;

    private readonly AsyncLocal<string?> _current = new();
    private readonly ConcurrentDictionary<string, ImmutableList<string>> _callers = new(StringComparer.Ordinal);

    /// <summary>Null: not known.</summary>
    public string? Current => _current.Value;

    /// <summary>From here on, in what is awaited.</summary>
    public void Enter(string? process) => _current.Value = process;

    /// <summary>It asked for an endpoint of the network, so the network is its daemon's.</summary>
    public void Note(string networkId)
    {
        if (Current is not { } process)
        {
            return;
        }

        _callers.AddOrUpdate(networkId, _ => [process], (_, before) => before.Contains(process) ? before
            : before.Count < Remembered ? before.Add(process) : before.RemoveAt(0).Add(process));
    }

    public IEnumerable<string> CallersOf(string networkId) => _callers.GetValueOrDefault(networkId) ?? [];

    public void Forget(string networkId) => _callers.TryRemove(networkId, out _);
}
