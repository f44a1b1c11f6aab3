using System.Collections.Immutable;
using System.Net;

namespace Calico.Ipam;

/// <summary>What the host knows of who uses addresses. Given by the host; safe to call concurrently.</summary>
public interface IAuditSources
{
    /// <summary>Every endpoint of this node from its log, and other nodes' and tunnels from the store.</summary>
    ValueTask<ImmutableArray<AuditedEndpoint>> EndpointsAsync(CancellationToken ct);

    /// <summary>What an adapter says is running; null: it cannot say.</summary>
    ValueTask<LiveReport?> LiveAsync(string adapter, CancellationToken ct);

    /// <summary>Addresses that links of this node have, from the kernel; null: not known now.</summary>
    ValueTask<ImmutableHashSet<IPAddress>?> LinkedAsync(CancellationToken ct);
}
