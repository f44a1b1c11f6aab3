using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;

namespace Calico.Felix;

/// <summary>A workload endpoint of this node, as the host's log says; the store's copy of it is only for other nodes.</summary>
public sealed record LocalEndpoint
{
    /// <summary>Which endpoint.</summary>
    public required WorkloadEndpointId Id { get; init; }

    /// <summary>Namespace of the WorkloadEndpoint.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>Host side of the pair.</summary>
    public required string InterfaceName { get; init; }

    /// <summary>/32 and /128.</summary>
    public ImmutableArray<IPNetwork> Addresses { get; init; } = [];

    /// <summary>The workload's MAC; null: not known.</summary>
    public PhysicalAddress? Mac { get; init; }

    /// <summary>Profiles, most important first.</summary>
    public ImmutableArray<string> Profiles { get; init; } = [];

    /// <summary>Its own labels; the reserved <c>projectcalico.org/</c> ones are added here.</summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>More labels are still to come. Labels it inherits and those it has are taken as settled.</summary>
    public bool LabelsPending { get; init; }

    /// <summary>Sources other than its own addresses that it may send from.</summary>
    public ImmutableArray<IPNetwork> AllowedSources { get; init; } = [];

    /// <summary>Ports that policy may call by name.</summary>
    public ImmutableArray<NamedPort> NamedPorts { get; init; } = [];

    /// <summary>Ports of the host that lead here.</summary>
    public ImmutableArray<ForwardedPort> Ports { get; init; } = [];

    /// <summary>Kubernetes service account; empty: none.</summary>
    public string ServiceAccount { get; init; } = "";
}
