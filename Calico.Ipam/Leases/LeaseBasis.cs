using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>What the roles of a node's IPAM stand on. None of it is another role's state.</summary>
internal sealed record LeaseBasis(IKeyValueStore Store, INodeLog Log, Outbox Outbox, NodeIpamOptions Options, TimeProvider Time,
    ILogger<NodeIpam> Logger)
{
    /// <summary>What was read or written last.</summary>
    public IpamCache Cache { get; } = new();

    /// <summary>Companions in the outbox.</summary>
    public CompanionWrites Companions { get; } = new();

    public FreedLately Freed { get; } = new(Time, Options.CoolDownPreference);

    /// <summary>The key that every transaction of this node compares.</summary>
    public string Marker { get; } = IpamKeys.Host(Options.NodeName);

    /// <summary>Companions that the store does not have yet.</summary>
    public ImmutableArray<OutboxEntry> Waiting => Outbox.PendingOf(Companions);

    /// <summary>Commits a change with log writes, and keeps in memory what the store showed. Begun before it returns: the log keeps the
    /// order of the calls, so whoever calls it under the table's lock has log and table say the same.</summary>
    /// <param name="change">What was read and is to be written.</param>
    /// <param name="transaction">Null: only the log has anything to be told.</param>
    /// <param name="writes">The log's.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Null without a transaction.</returns>
    public async Task<StoreOutcome?> CommitAsync(IpamChange change, StoreTransaction? transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct)
    {
        if (transaction is null)
        {
            await Log.CommitAsync(writes, ct);
            return null;
        }

        try
        {
            var outcome = await Log.CommitAsync(Store, transaction, writes, ct);
            change.Settle(transaction, outcome);
            return outcome;
        }
        catch (Exception)
        {
            change.Distrust();
            throw;
        }
    }
}
