using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>One operation answered from what the store already shows as this node's.</summary>
/// <remarks>The rules about pools are those of <see cref="AutoAssignment"/> and <see cref="ExactAssignment"/>, on the facts that are known.
/// </remarks>
/// <param name="node">This node.</param>
/// <param name="ledger">What it holds.</param>
/// <param name="known">Pools and the like.</param>
/// <param name="namespaceLabels">Of the namespace that the claim names; null: none, or not known.</param>
/// <param name="busy">Addresses that a transaction under way is about.</param>
/// <param name="time">Clock.</param>
/// <param name="sequence">Last sequence number that was given out without the store.</param>
/// <param name="isAmbiguous">Whether a transaction with the same operation in it has not been answered: what it frees may be free already.
/// </param>
internal sealed class OfflinePlan(string node, LeaseLedger ledger, KnownFacts known, IReadOnlyDictionary<string, string>? namespaceLabels,
    IReadOnlySet<IPAddress> busy, TimeProvider time, ulong sequence, bool isAmbiguous) : LeasePlan(node, ledger, time)
{
    /// <summary>What the store is to be told later.</summary>
    public List<OutboxEntry> Outgoing { get; } = [];

    /// <summary>Last sequence number that was given out.</summary>
    public ulong LastSequence { get; private set; } = sequence;

    public override void Add(LeaseCompanion companion)
    {
        Log.AddRange(companion.Log);
        Outgoing.AddRange(companion.Store.Select(CompanionWrites.Later));
    }

    public override ValueTask<ImmutableArray<LeaseRecord>> FindOfHandleAsync(string handle, string adapter, CancellationToken ct) =>
        new([]);

    public override ValueTask<LeaseRecord?> TakeExactAsync(LeaseRecord wanted, AddressClaim claim, CancellationToken ct) =>
        new(Ledger.Leases.GetValueOrDefault(wanted.Ip) is { } held ? Regrant(held, wanted)
            : IsWithin(claim, wanted.Ip) ? TakeExact(wanted, claim.Pools) : null);

    public override ValueTask<ImmutableArray<LeaseRecord>?> AssignAsync(LeaseRecord wanted, AddressClaim claim, int ipVersion, int count,
        CancellationToken ct)
    {
        var taken = ImmutableArray.CreateBuilder<LeaseRecord>(count);
        while (taken.Count < count
            && TakeAny(wanted, claim.Pools, a => Cidr.From(a).Version == ipVersion && IsWithin(claim, a)) is { } lease)
        {
            taken.Add(lease);
        }

        return new(taken.Count == count ? taken.ToImmutable() : null);
    }

    public override ValueTask<LeaseRecord?> TakeNamedAsync(LeaseRecord wanted, Func<LeaseRecord, LeaseRecord> bind, CancellationToken ct) =>
        new(TakeExact(wanted, []));

    public override ValueTask<LeaseRecord> ChangeAsync(LeaseRecord lease, CancellationToken ct)
    {
        var changed = lease with { IsOffline = true };
        Edit.Set(changed);
        return new(changed);
    }

    public override ValueTask UnbindAsync(LeaseRecord lease, CancellationToken ct)
    {
        Edit.Set(lease with { Bound = null, IsOffline = true });
        return ValueTask.CompletedTask;
    }

    public override ValueTask<bool> EndAsync(LeaseRecord lease, CancellationToken ct)
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
            IsDoubtful = isAmbiguous || lease.IsAttempted || busy.Contains(lease.Ip),
        });
        return new(true);
    }

    public override ValueTask EndUnknownAsync(AddressLease lease, CancellationToken ct)
    {
        // Never given out again from here: nobody on this node knows whether the store ever had it.
        Edit.SetRelease(HeldAddress.Unknown(lease));
        return ValueTask.CompletedTask;
    }

    public override ValueTask<ReleaseOutcome> ReleaseUnknownAsync(AddressLease lease, Func<LeaseRecord, bool> isHis, CancellationToken ct)
    {
        // Journalled as it is; the store decides by handle and sequence number when it is back.
        Edit.SetRelease(HeldAddress.Unknown(lease));
        return new(ReleaseOutcome.Released);
    }

    private LeaseRecord? Regrant(LeaseRecord held, LeaseRecord wanted)
    {
        if (!IsRegrantable(held, wanted))
        {
            throw held.AsHeld();
        }

        if (busy.Contains(held.Ip) || held.IsAttempted)
        {
            return null;
        }

        var lease = wanted with
        {
            Address = held.Address,
            Block = held.Block,
            Sequence = Math.Max(held.Sequence, LastSequence) + 1,
            IsOffline = true,
            StoreHandle = held.StoreHandle,
            StoreSequence = held.StoreSequence,
        };
        Edit.Set(lease);
        return lease;
    }

    /// <summary>Gives the reserve address that the lease names to it.</summary>
    /// <returns>Null: it is not in the reserve, or its pool does not allow it.</returns>
    private LeaseRecord? TakeExact(LeaseRecord wanted, ImmutableArray<string> pools) =>
        Take(wanted, h => h.Ip.Equals(wanted.Ip) && known.AllowsExact(h) && IsIn(pools, wanted.Ip));

    /// <summary>Gives a reserve address to a lease: one released here rather than a parked one.</summary>
    private LeaseRecord? TakeAny(LeaseRecord wanted, ImmutableArray<string> pools, Func<IPAddress, bool> fits) =>
        Take(wanted, h => fits(h.Ip) && known.Allows(h, pools, namespaceLabels));

    private LeaseRecord? Take(LeaseRecord wanted, Func<HeldAddress, bool> fits)
    {
        var held = (known.Cools ? [] : Ledger.Releases.Values.Where(r => !r.IsDoubtful && r.Block.Length > 0 && !busy.Contains(r.Ip)))
            .Concat(Ledger.Parked.Values.Where(p => !p.IsDoubtful && !busy.Contains(p.Ip)))
            .FirstOrDefault(h => Lease(h.Ip) is null && fits(h));
        if (held is null)
        {
            return null;
        }

        var lease = wanted with
        {
            Address = held.Address,
            Block = held.Block,
            Sequence = ++LastSequence,
            IsOffline = true,
            StoreHandle = held.Handle,
            StoreSequence = held.Sequence,
        };
        Edit.Set(lease);
        Edit.RemoveRelease(held.Ip);
        Edit.RemoveParked(held.Ip);
        return lease;
    }

    /// <summary>Whether a pool that a claim names has the address; a name that is not known fits nothing.</summary>
    private bool IsIn(ImmutableArray<string> wanted, IPAddress address)
    {
        var named = wanted.Select(w => PoolChoice.Find(known.Pools, w)).ToImmutableArray();
        var ofFamily = named.Where(p => p is null || p.Cidr.Version == Cidr.From(address).Version).ToImmutableArray();
        return ofFamily.IsEmpty || ofFamily.Any(p => p?.Cidr.Contains(address) == true);
    }
}
