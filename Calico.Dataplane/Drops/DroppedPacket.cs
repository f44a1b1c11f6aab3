using Calico.Dataplane.Translation;
using Calico.Felix.Rules;

namespace Calico.Dataplane.Drops;

/// <summary>A packet that was dropped, or that a staged policy would have dropped.</summary>
/// <param name="Reason">Why: one of those that are counted.</param>
/// <param name="Direction">Seen from who has <paramref name="InterfaceName"/>.</param>
/// <param name="InterfaceName">Of the workload, or of the host, whose policy or check dropped it; empty: it is gone.</param>
/// <param name="Packet">What it was; null: it cannot be read.</param>
/// <param name="Rule">Which rule dropped it; null: no policy did, or the rule is gone.</param>
public sealed record DroppedPacket(string Reason, PolicyDirection Direction, string InterfaceName, FirstPacket? Packet, Provenance? Rule)
{
    /// <summary>It went on: the policy of <see cref="Rule"/> is staged. Where that says no rule, none of the policy's decided, and the end
    /// of its tier would have dropped it.</summary>
    public bool IsStaged => Reason == DropReason.Staged;
}
