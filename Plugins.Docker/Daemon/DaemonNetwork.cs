using System.Collections.Immutable;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>A network as dockerd knows it.</summary>
internal sealed record DaemonNetwork
{
    public required string Id { get; init; }

    /// <summary>The user's.</summary>
    public required string Name { get; init; }

    /// <summary><c>--internal</c>.</summary>
    public bool IsInternal { get; init; }

    /// <summary><c>-o</c>.</summary>
    public ImmutableSortedDictionary<string, string> Options { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Whether Docker's own IPAM driver gives its addresses.</summary>
    public bool HasDockersIpam { get; init; }

    /// <summary>Subnets, with what part of them endpoints get addresses of; null: all.</summary>
    public ImmutableArray<(string Subnet, string? Range)> Subnets { get; init; } = [];

    /// <summary>All of them.</summary>
    public ImmutableArray<ContainerEndpoint> Endpoints { get; init; } = [];
}
