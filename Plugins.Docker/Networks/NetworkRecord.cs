using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Docker.Networks;

/// <summary>What this node remembers of a network: dockerd tells it once, at its creation, and never again.</summary>
internal sealed record NetworkRecord
{
    public required string Id { get; init; }

    /// <summary>The profile of its members.</summary>
    public required string Profile { get; init; }

    public bool IsInternal { get; init; }

    public int? Mtu { get; init; }

    public string? InterfacePrefix { get; init; }

    /// <summary>Its endpoints never wait for labels.</summary>
    public bool IgnoresLabels { get; init; }

    /// <summary>Ours, in the user's order; none: another IPAM driver's addresses.</summary>
    public ImmutableArray<string> PoolIds { get; init; } = [];

    /// <summary>Process that asked for it (<see cref="Serving.PeerProcess"/>); null: not known.</summary>
    public string? Maker { get; init; }

    /// <summary>The daemon that has listed it (<see cref="Daemon.DaemonIdentity.Id"/>); null: none has yet. Nothing of the network is ended
    /// on the word of another.</summary>
    public string? WitnessedBy { get; init; }

    /// <summary>Whether another IPAM driver gives its addresses.</summary>
    [JsonIgnore] public bool IsForeign => PoolIds.IsEmpty;
}
