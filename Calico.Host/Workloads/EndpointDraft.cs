using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Calico.Host.Workloads.Ports;

namespace Calico.Host.Workloads;

/// <summary>An endpoint as it will be recorded, but for its leases. Making the record has no effect, so it may be made several times.
/// </summary>
/// <param name="adapter">Whose.</param>
/// <param name="spec">What was asked for.</param>
/// <param name="others">Endpoints that are in its namespace group already.</param>
/// <param name="pools">All pools.</param>
/// <param name="node">This node.</param>
/// <param name="hostInterface">Its host side's name.</param>
/// <param name="mac">Its MAC, if it asks for none.</param>
internal sealed class EndpointDraft(string adapter, EndpointSpec spec, IReadOnlyCollection<EndpointRecord> others,
    ImmutableArray<AddressPool> pools,
    NodeFacts node, string hostInterface, PhysicalAddress mac)
{
    public ImmutableArray<AddressPool> Pools => pools;

    /// <param name="leases">Empty: the addresses are another IPAM's.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: it does not fit its namespace group.</exception>
    public EndpointRecord Make(ImmutableArray<AddressLease> leases)
    {
        ImmutableArray<IPNetwork> addresses = leases.IsEmpty
            ? [.. spec.Unmanaged.Select(n => HostNetwork(n.BaseAddress))]
            : [.. leases.Select(l => HostNetwork(l.Address))];
        var (gateway, defaultRoute, routes) = NamespaceGroup.Place(spec, addresses, others, pools);
        return Outline(adapter, spec, node) with
        {
            Addresses = [.. addresses.Select(a => a.ToString())],
            Leases = [.. leases.Select(LeaseRecord.From)],
            HostInterface = hostInterface,
            Mac = EndpointRecord.Format(spec.Mac ?? mac),
            Gateway4 = addresses.Any(a => a.PrefixLength == 32) ? gateway.ToString() : null,
            DefaultRoute = defaultRoute,
            Routes = [.. routes.Select(RouteRecord.From)],
        };
    }

    /// <summary>What follows from the wish alone, before there are addresses and a link's name.</summary>
    public static EndpointRecord Outline(string adapter, EndpointSpec spec, NodeFacts node) => new()
    {
        Orchestrator = spec.Id.Orchestrator,
        Workload = spec.Id.Workload,
        Endpoint = spec.Id.Endpoint,
        Instance = spec.Instance,
        Adapter = adapter,
        Network = spec.Network,
        Namespace = spec.Namespace,
        Profiles = spec.Profiles,
        Labels = spec.Labels,
        LabelsPending = spec.LabelsPending,
        HostInterface = node.InterfacePrefix,
        Mac = EndpointRecord.Format(spec.Mac ?? InterfaceNames.Mac(spec.Id, _ => false)),
        Mtu = spec.Mtu ?? node.Mtu,
        MtuFollowsNode = spec.Mtu is null,
        NamedPorts = [.. spec.NamedPorts.Select(p => new PortRecord(p.Name, (int)p.Protocol, p.Port))],
        Ports = [.. spec.Ports.Select(PublishedPortRecord.From)],
        AllowedSources = [.. spec.AllowedSources.Select(s => s.ToString())],
        AllowForwarding = spec.AllowForwarding,
        Group = spec.NamespaceGroup,
        Facts = spec.Facts,
        BootId = node.BootId,
    };

    public static IPNetwork HostNetwork(IPAddress address) => new(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
}
