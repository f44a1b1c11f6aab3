using System.Collections.Immutable;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>An endpoint as dockerd knows it.</summary>
/// <param name="EndpointId">Its id.</param>
/// <param name="NetworkName">The user's name of its network.</param>
/// <param name="ContainerId">Empty: no container has it yet.</param>
/// <param name="ContainerName">Without its slash.</param>
/// <param name="Labels">The container's.</param>
internal sealed record ContainerEndpoint(string EndpointId, string NetworkName, string ContainerId, string ContainerName,
    ImmutableSortedDictionary<string, string> Labels);
