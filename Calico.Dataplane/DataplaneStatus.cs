namespace Calico.Dataplane;

/// <summary>Where the dataplane is.</summary>
/// <param name="InSync">The store has been read to its end, and the kernel holds what follows from it.</param>
/// <param name="EnforcedRevision">Store revision that the kernel enforces; 0: none yet.</param>
/// <param name="ConfirmedAt">When the store last said that this revision is current; the epoch: never.</param>
/// <param name="LastError">Why the kernel does not hold what it should; null: it does.</param>
/// <param name="Endpoints">How many endpoints are enforced.</param>
/// <param name="Healed">How often a stranger's change was undone.</param>
/// <param name="LastHealed">What it was, the latest time; empty: never.</param>
/// <param name="LastHeal">How long the latest of those stood, from its notice to our commit; 0 when nothing had told of it.</param>
public sealed record DataplaneStatus(bool InSync, long EnforcedRevision, DateTimeOffset ConfirmedAt, string? LastError, int Endpoints,
    long Healed, string LastHealed, TimeSpan LastHeal)
{
    internal static readonly DataplaneStatus Initial = new(false, 0, DateTimeOffset.UnixEpoch, null, 0, 0, "", TimeSpan.Zero);
}
