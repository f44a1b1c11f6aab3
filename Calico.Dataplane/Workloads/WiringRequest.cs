using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using Microsoft.Win32.SafeHandles;

namespace Calico.Dataplane.Workloads;

/// <summary>A pair to be.</summary>
public sealed record WiringRequest
{
    /// <summary>Which endpoint; for messages.</summary>
    public required WorkloadEndpointId Id { get; init; }

    /// <summary>Host side, with our prefix.</summary>
    public required string HostInterface { get; init; }

    /// <summary>The workload's side.</summary>
    public required string PeerInterface { get; init; }

    /// <summary>Open namespace that gets the workload's side; null: it stays in the host's namespace for somebody else to move.</summary>
    public SafeFileHandle? Namespace { get; init; }

    /// <summary>Somebody else moves and configures the workload's side, now or since it was wired: the host answers for its gateway.
    /// </summary>
    public bool IsHandedOver { get; init; }

    /// <summary>Of the workload's side.</summary>
    public required PhysicalAddress Mac { get; init; }

    /// <summary>Bytes.</summary>
    public int Mtu { get; init; }

    /// <summary>/32 and /128.</summary>
    public ImmutableArray<IPNetwork> Addresses { get; init; } = [];

    /// <summary>Link-local gateway of IPv4; null without IPv4.</summary>
    public IPAddress? Gateway4 { get; init; }

    /// <summary>Link-local gateway of IPv6 that the host's side has beside the one that all have: two interfaces whose other ends somebody
    /// else configures cannot route through one address. Null: none.</summary>
    public IPAddress? Gateway6 { get; init; }

    /// <summary>Whether the workload's default routes lead here.</summary>
    public bool DefaultRoute { get; init; } = true;

    /// <summary>More routes in the namespace; a null gateway is ours.</summary>
    public ImmutableArray<Route> Routes { get; init; } = [];

    /// <summary>Whether the workload may forward.</summary>
    public bool AllowForwarding { get; init; }

    /// <summary>A process of the host comes to it by a published port of 127.0.0.1, so its answers may be routed there.</summary>
    public bool LetsLoopback { get; init; }

    /// <summary>Queue pairs of both ends; one is right for a container.</summary>
    public int NumQueues { get; init; } = 1;
}
