using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Mesos.Containers;
using Calico.Plugins.Mesos.V1;
using Protocol = Calico.Plugins.Mesos.V1.NetworkInfo.Types.Protocol;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>What this adapter knows, in the proto's messages.</summary>
internal static class MessageWriter
{
    public static ContainerID Id(string path)
    {
        ContainerID? id = null;
        foreach (var value in path.Split('.'))
        {
            id = id is null ? new() { Value = value } : new() { Value = value, Parent = id };
        }

        return id!;
    }

    public static ContainerStatus Status(ContainerView view) => new()
    {
        ContainerId = Id(view.Record.Id),
        SharesNetworkOf = view.Record.SharesNetworkOf is { } owner ? Id(owner) : null,
        NetworkInfos = { view.Interfaces.Select(i => Network(i.Network, i.Endpoint)) },
        Interfaces = { view.Interfaces.Select(i => Interface(i.Interface, i.Network, i.Endpoint)) },
    };

    /// <summary>As it was asked for, with the addresses that it got.</summary>
    public static NetworkInfo Network(NetworkRequest request, Attachment? endpoint) => new()
    {
        Name = request.Name,
        Groups = { request.Groups },
        Labels = { request.Labels.Select(l => new Label { Key = l.Key, Value = l.Value }) },
        LeaseUid = request.LeaseUid,
        Pools = { request.Pools },
        PortMappings =
        {
            request.Ports.Select(p => new NetworkInfo.Types.PortMapping
                { HostPort = (uint)p.HostPort, ContainerPort = (uint)p.ContainerPort, Protocol = p.Protocol }),
        },
        IpAddresses = { (endpoint?.Addresses ?? []).Select(a => Address(a.BaseAddress)) },
    };

    public static UsageResponse Usage(ImmutableArray<(string Interface, string Network, EndpointStats Stats)> counters)
    {
        var interfaces = counters.Select(c => new UsageResponse.Types.Interface
        {
            InterfaceName = c.Interface,
            Network = c.Network,
            RxBytes = (ulong)c.Stats.RxBytes,
            RxPackets = (ulong)c.Stats.RxPackets,
            TxBytes = (ulong)c.Stats.TxBytes,
            TxPackets = (ulong)c.Stats.TxPackets,
        }).ToList();
        var total = new UsageResponse.Types.Interface();
        foreach (var one in interfaces)
        {
            total.RxBytes += one.RxBytes;
            total.RxPackets += one.RxPackets;
            total.TxBytes += one.TxBytes;
            total.TxPackets += one.TxPackets;
        }

        return new() { Interfaces = { interfaces }, Total = total };
    }

    private static ContainerStatus.Types.Interface Interface(string name, NetworkRequest request, Attachment? endpoint) => new()
    {
        InterfaceName = name,
        Network = request.Name,
        State = (endpoint?.State ?? EndpointState.Gone).ToString(),
        Reason = endpoint?.Reason ?? "the host has no such endpoint",
        Mac = endpoint is null ? "" : string.Join(':', endpoint.Mac.GetAddressBytes().Select(b => $"{b:x2}")),
        HostInterface = endpoint?.HostInterface ?? "",
    };

    private static NetworkInfo.Types.IPAddress Address(IPAddress address) => new()
    {
        Protocol = AddressLeases.IsIpv4(address) ? Protocol.Ipv4 : Protocol.Ipv6,
        IpAddress = address.ToString(),
    };
}
