using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>Whether the store is known to have what this node's log says, when that was looked at last, and what was found.</summary>
internal sealed partial class LeaseComparison(LeaseBasis basis)
{
    private readonly Lock _gate = new();
    private long _doubts;
    private long _settledDoubts;
    private long? _comparedAt;
    private bool _retakesUnbound;
    private ImmutableSortedDictionary<string, string> _damaged = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>Whether the store is not known to have lost anything of this node.</summary>
    public bool IsSettled
    {
        get
        {
            lock (_gate)
            {
                return _doubts == _settledDoubts;
            }
        }
    }

    /// <summary>Whether it is to be looked at: something may be lost, or the last look is old.</summary>
    public bool IsDue
    {
        get
        {
            lock (_gate)
            {
                return _doubts != _settledDoubts || _comparedAt is not { } at
                    || basis.Time.GetElapsedTime(at) >= basis.Options.VerifyInterval;
            }
        }
    }

    /// <summary>Blocks of this node that cannot be read, with the reason.</summary>
    public ImmutableSortedDictionary<string, string> Damaged
    {
        get
        {
            lock (_gate)
            {
                return _damaged;
            }
        }
    }

    /// <summary>The store may have lost something.</summary>
    /// <param name="retakesUnbound">It surely had all once: leases without an endpoint are taken again too.</param>
    public void Doubt(bool retakesUnbound = false)
    {
        lock (_gate)
        {
            _doubts++;
            _retakesUnbound |= retakesUnbound;
        }
    }

    /// <summary>Takes notice of what the store's watch shows of a block.</summary>
    /// <param name="leases">Of that block, that the store should show as they are.</param>
    /// <param name="seen">Null: it was deleted.</param>
    /// <returns>Whether one is missing.</returns>
    public bool Observe(ImmutableArray<LeaseRecord> leases, IpamBlockSpec? seen)
    {
        if (leases.IsEmpty || (seen is not null && !IsAnyMissing(leases, seen)))
        {
            return false;
        }

        Doubt();
        return true;
    }

    /// <summary>A comparison, and the doubts that it settles.</summary>
    public (VerifyOperation Operation, long Doubts) Begin()
    {
        lock (_gate)
        {
            return (new VerifyOperation(() => RetakesUnbound), _doubts);
        }
    }

    /// <summary>Says what was found.</summary>
    /// <returns>Whether there is more to compare.</returns>
    public bool Conclude(VerifyOutcome outcome, long doubts)
    {
        foreach (var (lease, holder) in outcome.Lost)
        {
            NoteLost(lease, holder);
        }

        if (outcome.Retaken > 0)
        {
            Log.Retaken(basis.Logger, outcome.Retaken);
        }

        if (outcome.Adopted > 0)
        {
            Log.Adopted(basis.Logger, outcome.Adopted);
        }

        if (!outcome.IsPartial)
        {
            KeepDamage(outcome.Damaged);
            Settle(doubts);
        }

        return outcome.IsPartial;
    }

    /// <summary>Once a comparison was made, everything in the ledger has been in the store.</summary>
    public void Settle(long doubts)
    {
        lock (_gate)
        {
            _settledDoubts = doubts;
            _comparedAt = basis.Time.GetTimestamp();
            _retakesUnbound = true;
        }
    }

    /// <summary>A lease of this node has ended: another has its address.</summary>
    public void NoteLost(LeaseRecord lease, string holder) => Log.LeaseLost(basis.Logger, lease.Address, lease.Handle, lease.Bound, holder);

    /// <summary>Says it once; the next comparison says whether it still is so.</summary>
    public void NoteDamage(string block, string reason)
    {
        lock (_gate)
        {
            if (_damaged.ContainsKey(block))
            {
                return;
            }

            _damaged = _damaged.SetItem(block, reason);
        }

        Log.BlockDamaged(basis.Logger, block, reason);
    }

    private bool RetakesUnbound
    {
        get
        {
            lock (_gate)
            {
                return _retakesUnbound;
            }
        }
    }

    private static bool IsAnyMissing(ImmutableArray<LeaseRecord> leases, IpamBlockSpec seen)
    {
        try
        {
            var block = AllocationBlock.FromSpec(seen);

            // A number that the block has passed is in it; a lease with a later one was made after this state of it.
            return leases.Any(l => l.StoreSequence < block.Sequence && block.OrdinalOf(l.Ip) is { } ordinal
                && !(block.AttributeOf(ordinal) is { ReleasedAt: null } attribute && attribute.HandleId == l.StoreHandle));
        }
        catch (CalicoException)
        {
            // Damaged: said where blocks are read.
            return false;
        }
    }

    private void KeepDamage(ImmutableSortedDictionary<string, string> damaged)
    {
        foreach (var (block, reason) in damaged)
        {
            NoteDamage(block, reason);
        }

        lock (_gate)
        {
            _damaged = damaged;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3005, LogLevel.Error,
            "address {Address} of handle {Handle}, bound to {Endpoint}, is held by {Holder} in the store; its lease has ended")]
        public static partial void LeaseLost(ILogger logger, string address, string handle, string? endpoint, string holder);

        [LoggerMessage(3006, LogLevel.Information, "found {Count} leases of this node in the store that the node log had lost")]
        public static partial void Adopted(ILogger logger, int count);

        [LoggerMessage(3060, LogLevel.Warning, "the store had lost {Count} leases of this node; they were taken again")]
        public static partial void Retaken(ILogger logger, int count);

        [LoggerMessage(3061, LogLevel.Error,
            "block {Block} cannot be read and is set aside: {Reason}. Its addresses stay with their holders and are not given out; "
            + "mend the value or delete it, and it is written again from what this node knows")]
        public static partial void BlockDamaged(ILogger logger, string block, string reason);
    }
}
