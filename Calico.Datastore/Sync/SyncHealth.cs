namespace Calico.Datastore.Sync;

/// <summary>How current a follower is.</summary>
/// <param name="Status">Where it is.</param>
/// <param name="Revision">Everything up to it has been delivered.</param>
/// <param name="ConfirmedAt">When the store last said so; null: never. A growing age means that the store is not heard.</param>
/// <param name="Failures">Tries since then that failed.</param>
/// <param name="LastError">Why the last one failed; null when it did not.</param>
/// <param name="Undecodable">Keys whose stored value cannot be used now.</param>
public sealed record SyncHealth(SyncStatus Status, long Revision, DateTimeOffset? ConfirmedAt, int Failures, string? LastError,
    int Undecodable)
{
    /// <summary><see cref="ConfirmedAt"/> by the monotonic clock (<see cref="TimeProvider.GetTimestamp"/>).</summary>
    public long ConfirmedTimestamp { get; init; }

    /// <summary>How old the last confirmation is, whatever the wall clock did meanwhile; null: there was none.</summary>
    public TimeSpan? Staleness(TimeProvider time) => ConfirmedAt is null ? null : time.GetElapsedTime(ConfirmedTimestamp);
}
