using System.Collections.Immutable;

namespace Calico;

/// <summary>Counters of an endpoint since it was attached, as the workload sees them.</summary>
/// <param name="RxBytes">Received by the workload.</param>
/// <param name="RxPackets">Received by the workload.</param>
/// <param name="TxBytes">Sent by the workload.</param>
/// <param name="TxPackets">Sent by the workload.</param>
/// <param name="Drops">Packets dropped, by reason.</param>
public sealed record EndpointStats(long RxBytes, long RxPackets, long TxBytes, long TxPackets,
    ImmutableSortedDictionary<string, long> Drops);
