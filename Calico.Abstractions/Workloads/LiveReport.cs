using System.Collections.Immutable;
using System.Net;

namespace Calico;

/// <summary>What an orchestrator says is running.</summary>
/// <param name="Complete">False (runtime down, cannot know): collects nothing.</param>
/// <param name="AsOf">When it was asked, UTC.</param>
/// <param name="Endpoints">Endpoints, with their lives.</param>
/// <param name="Addresses">Addresses in use without an endpoint of ours.</param>
public sealed record LiveReport(bool Complete, DateTimeOffset AsOf,
    ImmutableArray<(WorkloadEndpointId Id, string Instance)> Endpoints, ImmutableArray<IPAddress> Addresses);
