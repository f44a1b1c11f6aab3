namespace Calico.Datastore.Store;

/// <summary>What has to stand in the store for an entry of the outbox to be written.</summary>
public enum OutboxGuard
{
    /// <summary>Whatever: nobody else writes such a key.</summary>
    None,

    /// <summary>Nothing.</summary>
    Absent,

    /// <summary>What its owner says (<see cref="IOutboxOwner.MayWriteAsync"/>).</summary>
    Owner,
}
