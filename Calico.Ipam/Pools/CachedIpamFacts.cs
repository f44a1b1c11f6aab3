using System.Collections.Concurrent;
using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>Facts kept for some seconds; with a dead store, for as long as it is dead.</summary>
internal sealed class CachedIpamFacts(IIpamFacts source, TimeSpan lifetime, TimeProvider time) : IIpamFacts
{
    private readonly ConcurrentDictionary<string, (long At, object? Value)> _kept = new(StringComparer.Ordinal);
    private long _epoch = long.MinValue;

    /// <summary>Asks again next time, before an answer that says no.</summary>
    public void Forget() => Interlocked.Exchange(ref _epoch, time.GetTimestamp());

    public async ValueTask<ImmutableArray<IpamPool>> PoolsAsync(CancellationToken ct) =>
        (ImmutableArray<IpamPool>)(await KeepAsync("pools", async () => await source.PoolsAsync(ct)))!;

    public async ValueTask<AddressSet> ReservationsAsync(CancellationToken ct) =>
        (AddressSet)(await KeepAsync("reservations", async () => await source.ReservationsAsync(ct)))!;

    public async ValueTask<IReadOnlyDictionary<string, string>?> NodeLabelsAsync(string node, CancellationToken ct) =>
        (IReadOnlyDictionary<string, string>?)await KeepAsync("node/" + node, async () => await source.NodeLabelsAsync(node, ct));

    public async ValueTask<IReadOnlyDictionary<string, string>?> NamespaceLabelsAsync(string name, CancellationToken ct) =>
        (IReadOnlyDictionary<string, string>?)await KeepAsync("namespace/" + name, async () => await source.NamespaceLabelsAsync(name, ct));

    public async ValueTask<IpamConfigValue> ConfigAsync(CancellationToken ct) =>
        (IpamConfigValue)(await KeepAsync("config", async () => await source.ConfigAsync(ct)))!;

    private async Task<object?> KeepAsync(string what, Func<Task<object?>> ask)
    {
        if (_kept.TryGetValue(what, out var kept) && kept.At > Interlocked.Read(ref _epoch) && time.GetElapsedTime(kept.At) < lifetime)
        {
            return kept.Value;
        }

        var at = time.GetTimestamp();
        var value = await ask();

        // An absent node or namespace is asked for again: it is being created just now, more often than not.
        if (value is not null)
        {
            _kept[what] = (at, value);
        }

        return value;
    }
}
