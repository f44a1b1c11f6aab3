using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>Changes of a ledger that are done together, there and in the log.</summary>
internal sealed class LedgerEdit
{
    private readonly Dictionary<IPAddress, LeaseRecord?> _leases = [];
    private readonly Dictionary<IPAddress, HeldAddress?> _releases = [];
    private readonly Dictionary<IPAddress, HeldAddress?> _parked = [];

    public IEnumerable<IPAddress> ParkedRemoved => _parked.Where(p => p.Value is null).Select(p => p.Key);

    /// <summary>Leases and parked addresses that it takes out of the ledger.</summary>
    public IEnumerable<IPAddress> Removed => _leases.Where(l => l.Value is null).Select(l => l.Key).Concat(ParkedRemoved);

    public void Set(LeaseRecord lease) => _leases[lease.Ip] = lease;

    public void RemoveLease(IPAddress address) => _leases[address] = null;

    public void SetRelease(HeldAddress release) => _releases[release.Ip] = release;

    /// <summary>Whether it journals the release of an address.</summary>
    public bool IsReleased(IPAddress address) => _releases.GetValueOrDefault(address) is not null;

    public void RemoveRelease(IPAddress address) => _releases[address] = null;

    public void SetParked(HeldAddress parked) => _parked[parked.Ip] = parked;

    public void RemoveParked(IPAddress address) => _parked[address] = null;

    /// <summary>The lease as this edit leaves it.</summary>
    public LeaseRecord? Lease(LeaseLedger ledger, IPAddress address) =>
        _leases.TryGetValue(address, out var lease) ? lease : ledger.Leases.GetValueOrDefault(address);

    /// <summary>Addresses whose entries it changes.</summary>
    public IEnumerable<IPAddress> Addresses => _leases.Keys.Concat(_releases.Keys).Concat(_parked.Keys);

    /// <summary>The ledger with these changes, and how to take them back.</summary>
    public LeaseLedger ApplyTo(LeaseLedger ledger, out LedgerEdit inverse)
    {
        inverse = new LedgerEdit();
        var leases = Apply(_leases, ledger.Leases, inverse._leases);
        return new()
        {
            Leases = leases,
            Releases = Apply(_releases, ledger.Releases, inverse._releases),
            Parked = Apply(_parked, ledger.Parked, inverse._parked),
            Offline = ledger.Offline
                + _leases.Values.Count(l => l?.IsPending == true) - inverse._leases.Values.Count(l => l?.IsPending == true),
        };
    }

    /// <summary>Without what another edit has changed since a ledger: its word is newer.</summary>
    public LedgerEdit Since(LeaseLedger planned, LeaseLedger now)
    {
        var rest = new LedgerEdit();
        foreach (var (address, lease) in _leases.Where(l => IsSame(planned.Leases, now.Leases, l.Key)))
        {
            rest._leases[address] = lease;
        }

        foreach (var (address, release) in _releases.Where(r => IsSame(planned.Releases, now.Releases, r.Key)))
        {
            rest._releases[address] = release;
        }

        foreach (var (address, parked) in _parked.Where(p => IsSame(planned.Parked, now.Parked, p.Key)))
        {
            rest._parked[address] = parked;
        }

        return rest;
    }

    /// <summary>The same changes in the log.</summary>
    public ImmutableArray<NodeLogWrite> ToLog() =>
        [.. Log(_leases, "lease/", LeaseJson.Default.LeaseRecord), .. Log(_releases, "release/", LeaseJson.Default.HeldAddress),
            .. Log(_parked, "parked/", LeaseJson.Default.HeldAddress)];

    /// <summary>An edit that writes again, for every entry this one touches, what the ledger has: after it was written and not done.
    /// </summary>
    public LedgerEdit AsIn(LeaseLedger ledger)
    {
        var same = new LedgerEdit();
        foreach (var address in _leases.Keys)
        {
            same._leases[address] = ledger.Leases.GetValueOrDefault(address);
        }

        foreach (var address in _releases.Keys)
        {
            same._releases[address] = ledger.Releases.GetValueOrDefault(address);
        }

        foreach (var address in _parked.Keys)
        {
            same._parked[address] = ledger.Parked.GetValueOrDefault(address);
        }

        return same;
    }

    private static bool IsSame<T>(ImmutableDictionary<IPAddress, T> planned, ImmutableDictionary<IPAddress, T> now, IPAddress address)
        where T : class =>
        ReferenceEquals(planned.GetValueOrDefault(address), now.GetValueOrDefault(address));

    private static ImmutableDictionary<IPAddress, T> Apply<T>(Dictionary<IPAddress, T?> changes, ImmutableDictionary<IPAddress, T> table,
        Dictionary<IPAddress, T?> inverse) where T : class
    {
        foreach (var (address, value) in changes)
        {
            inverse[address] = table.GetValueOrDefault(address);
            table = value is null ? table.Remove(address) : table.SetItem(address, value);
        }

        return table;
    }

    private static IEnumerable<NodeLogWrite> Log<T>(Dictionary<IPAddress, T?> changes, string part, JsonTypeInfo<T> type) where T : class =>
        changes.Select(c => Log(part + c.Key, c.Value, type));

    private static NodeLogWrite Log<T>(string key, T? value, JsonTypeInfo<T> type) where T : class =>
        // The cast matters: a null array would become an empty value, which is not a deletion.
        new(LeaseLedger.Section + key, value is null ? null : (ReadOnlyMemory<byte>?)JsonSerializer.SerializeToUtf8Bytes(value, type));
}
