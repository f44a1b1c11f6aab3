using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;

namespace Calico;

/// <summary>A workload endpoint to be.</summary>
/// <remarks>Exactly one of <see cref="Claim"/>, <see cref="Leased"/> and <see cref="Unmanaged"/> brings the addresses.</remarks>
public sealed record EndpointSpec
{
    /// <summary>Which endpoint.</summary>
    public required WorkloadEndpointId Id { get; init; }

    /// <summary>One life of the endpoint (sandbox or container id). Same id and instance: a retry. Another instance replaces the old
    /// life; a removal that names an older instance frees only that instance's addresses.</summary>
    public required string Instance { get; init; }

    /// <summary>The orchestrator's network name: scope of <see cref="IWorkloadNetwork.CollectAsync"/>.</summary>
    public string Network { get; init; } = "";

    /// <summary>Namespace of the workload, as in the WorkloadEndpoint resource.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>Profiles, most important first.</summary>
    public required ImmutableArray<string> Profiles { get; init; }

    /// <summary>Labels that policy selects by.</summary>
    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Labels that policy needs are not known yet: stay closed until <see cref="EndpointChange.Labels"/> arrives.</summary>
    public bool LabelsPending { get; init; }

    /// <summary>Claimed and bound here…</summary>
    public AddressClaim? Claim { get; init; }

    /// <summary>…or claimed before, bound here (claimed again if free)…</summary>
    public ImmutableArray<IPAddress> Leased { get; init; } = [];

    /// <summary>…or another IPAM's; refused when inside one of our pools.</summary>
    public ImmutableArray<IPNetwork> Unmanaged { get; init; } = [];

    /// <summary>Null: derived from the id. Never the host side's.</summary>
    public PhysicalAddress? Mac { get; init; }

    /// <summary>Bytes; null: the node's.</summary>
    public int? Mtu { get; init; }

    /// <summary>Host ports that lead here.</summary>
    public ImmutableArray<PublishedPort> Ports { get; init; } = [];

    /// <summary>Ports that policy may call by name.</summary>
    public ImmutableArray<NamedPort> NamedPorts { get; init; } = [];

    /// <summary>Routes in the namespace; empty: the default route through the gateway.</summary>
    public ImmutableArray<Route> Routes { get; init; } = [];

    /// <summary>Sources other than its own addresses that it may send from.</summary>
    public ImmutableArray<IPNetwork> AllowedSources { get; init; } = [];

    /// <summary>Whether the workload may forward packets (<c>container_settings.allow_ip_forwarding</c>).</summary>
    public bool AllowForwarding { get; init; }

    /// <summary>Interfaces that share one namespace share this key; gateways 169.254.1.1, .2, … are counted per group.</summary>
    public string NamespaceGroup { get; init; } = "";

    /// <summary>Written into the WorkloadEndpoint as upstream does: <c>pod</c>, <c>containerID</c>, <c>serviceAccountName</c>.</summary>
    public ImmutableSortedDictionary<string, string> Facts { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
}
