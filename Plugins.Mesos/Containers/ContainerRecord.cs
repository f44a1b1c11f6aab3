using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>What is known of a container; in the node's log before the answer.</summary>
internal sealed record ContainerRecord
{
    /// <summary><see cref="ContainerPath.Text"/>.</summary>
    public required string Id { get; init; }

    /// <summary>Which agent prepared it; null: that cannot be read any more.</summary>
    public required string? Agent { get; init; }

    /// <summary>An interface each, in their order.</summary>
    public ImmutableArray<NetworkRequest> Networks { get; init; } = [];

    /// <summary>Whose network it has; null: its own.</summary>
    public string? SharesNetworkOf { get; init; }

    /// <summary>When it was prepared, UTC.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Whom it was isolated with, as <see cref="ProcessIdentity"/> writes it; null: not yet.</summary>
    public string? Process { get; init; }

    /// <summary>Inode of that process's network namespace.</summary>
    public ulong NamespaceIdentity { get; init; }

    [JsonIgnore]
    public bool IsIsolated => Process is not null;

    /// <summary>Interfaces with their networks.</summary>
    [JsonIgnore]
    public IEnumerable<(string Interface, NetworkRequest Network)> Interfaces =>
        Networks.Select((network, index) => (NetworkRequest.InterfaceOf(index), network));

    [JsonIgnore]
    public IEnumerable<WorkloadEndpointId> Endpoints => Interfaces.Select(i => ContainerPath.EndpointOf(Id, i.Interface));
}
