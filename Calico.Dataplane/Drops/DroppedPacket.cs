using Calico.Felix.Rules;

namespace Calico.Dataplane.Drops;

/// <summary>A packet that was dropped.</summary>
/// <param name="Reason">Why: one of those that are counted.</param>
/// <param name="Direction">Seen from who has <paramref name="InterfaceName"/>.</param>
/// <param name="InterfaceName">Of the workload, or of the host, whose policy or check dropped it; empty: it is gone.</param>
/// <param name="Packet">What it was; null: it cannot be read.</param>
/// <param name="Rule">Which rule dropped it; null: no policy did, or the rule is gone.</param>
public sealed record DroppedPacket(string Reason, PolicyDirection Direction, string InterfaceName, FirstPacket? Packet, Provenance? Rule);
