using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>One operation answered from what the store already shows as this node's.</summary>
/// <remarks>The rules about pools are those of <see cref="AutoAssignment"/> and <see cref="ExactAssignment"/>, on the facts that are known.</remarks>
internal sealed class OfflinePlan(string node, LeaseLedger ledger, KnownFacts known, IReadOnlyDictionary<string, string>? namespaceLabels,
    IReadOnlySet<IPAddress> busy, TimeProvider time, ulong sequence, bool isAmbiguous)
{
    private ulong _sequence = sequence;

    public string Node => node;

    public LeaseLedger Ledger => ledger;

    public LedgerEdit Edit { get; } = new();

    /// <summary>What the caller is told if this is done.</summary>
    public object? Answer { get; set; }

    public List<NodeLogWrite> Log { get; } = [];

    /// <summary>What the store is to be told later.</summary>
    public List<OutboxEntry> Outgoing { get; } = [];

    /// <summary>Whether a transaction with the same operation in it has not been answered: what it frees may be free already.</summary>
    public bool IsAmbiguous => isAmbiguous;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Last sequence number that was given out.</summary>
    public ulong LastSequence => _sequence;

    public void Add(LeaseCompanion companion)
    {
        Log.AddRange(companion.Log);
        Outgoing.AddRange(companion.Store.Select(CompanionWrites.Later));
    }

    /// <summary>Gives a reserve address that the caller names to a lease.</summary>
    /// <param name="wanted">The lease.</param>
    /// <param name="address">Which.</param>
    /// <param name="pools">Pools that the claim names; empty: any.</param>
    /// <returns>Null: it is not in the reserve, or its pool does not allow it.</returns>
    public LeaseRecord? TakeExact(LeaseRecord wanted, IPAddress address, ImmutableArray<string> pools) =>
        Take(wanted, h => h.Ip.Equals(address) && known.AllowsExact(h) && IsIn(pools, address));

    /// <summary>Gives a reserve address to a lease: one released here rather than a parked one.</summary>
    /// <param name="wanted">The lease.</param>
    /// <param name="pools">Pools that the claim names; empty: those that select.</param>
    /// <param name="fits">What else is asked of the address.</param>
    /// <returns>Null: there is none that fits.</returns>
    public LeaseRecord? TakeAny(LeaseRecord wanted, ImmutableArray<string> pools, Func<IPAddress, bool> fits) =>
        Take(wanted, h => fits(h.Ip) && known.Allows(h, pools, namespaceLabels));

    private LeaseRecord? Take(LeaseRecord wanted, Func<HeldAddress, bool> fits)
    {
        var held = (known.Cools ? [] : ledger.Releases.Values.Where(r => !r.IsDoubtful && r.Block.Length > 0 && !busy.Contains(r.Ip)))
            .Concat(ledger.Parked.Values.Where(p => !p.IsDoubtful && !busy.Contains(p.Ip)))
            .FirstOrDefault(h => Edit.Lease(ledger, h.Ip) is null && fits(h));
        if (held is null)
        {
            return null;
        }

        var lease = wanted with
        {
            Address = held.Address,
            Block = held.Block,
            Sequence = ++_sequence,
            IsOffline = true,
            StoreHandle = held.Handle,
            StoreSequence = held.Sequence,
        };
        Edit.Set(lease);
        Edit.RemoveRelease(held.Ip);
        Edit.RemoveParked(held.Ip);
        return lease;
    }

    /// <summary>Whether a transaction about the address is under way.</summary>
    public bool IsBusy(IPAddress address) => busy.Contains(address);

    /// <summary>Journals the release of a lease.</summary>
    public void Release(LeaseRecord lease)
    {
        Edit.RemoveLease(lease.Ip);
        Edit.SetRelease(new()
        {
            Address = lease.Address,
            Block = lease.Block,
            Handle = lease.StoreHandle,
            Sequence = lease.StoreSequence,

            // A lease whose last change is being replayed may be under its own handle and another number by now.
            OrHandles = lease.IsOffline ? [lease.Handle] : [],
            IsDoubtful = isAmbiguous || lease.IsAttempted || IsBusy(lease.Ip),
        });
    }

    /// <summary>Whether a pool that a claim names has the address; a name that is not known fits nothing.</summary>
    private bool IsIn(ImmutableArray<string> wanted, IPAddress address)
    {
        var named = wanted.Select(w => PoolChoice.Find(known.Pools, w)).ToImmutableArray();
        var ofFamily = named.Where(p => p is null || p.Cidr.Version == Cidr.From(address).Version).ToImmutableArray();
        return ofFamily.IsEmpty || ofFamily.Any(p => p?.Cidr.Contains(address) == true);
    }
}
