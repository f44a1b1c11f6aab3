using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Felix;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Ports;

/// <summary>One port of the host in one family, and where it leads.</summary>
/// <param name="Protocol">IPPROTO_*.</param>
/// <param name="HostAddress">Null: every address of the host, of the family of <paramref name="Address"/>.</param>
/// <param name="HostPort">Of the host.</param>
/// <param name="Address">The workload's.</param>
/// <param name="Port">The workload's.</param>
internal sealed record PortMapping(byte Protocol, IPAddress? HostAddress, ushort HostPort, IPAddress Address, ushort Port)
{
    public bool IsIpv6 => Address.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>Whether a process of the host may come by 127.0.0.1.</summary>
    public bool IsOnLoopback => !IsIpv6 && (HostAddress is null || IPAddress.IsLoopback(HostAddress));

    public NftValue Key => HostAddress is null
        ? NftValue.Concat(NftValue.Byte(Protocol), NftValue.BigEndian(HostPort))
        : NftValue.Concat(NftValue.Address(HostAddress), NftValue.Byte(Protocol), NftValue.BigEndian(HostPort));

    public NftElement Element => NftElement.Of(Key, NftValue.Concat(NftValue.Address(Address), NftValue.BigEndian(Port)));

    /// <summary>What an endpoint's ports come to: each in the families that the endpoint and the host's address have.</summary>
    public static ImmutableArray<PortMapping> Of(LocalEndpoint endpoint)
    {
        var first = endpoint.Addresses.Select(a => a.BaseAddress).DistinctBy(a => a.AddressFamily).ToList();
        return
        [
            .. endpoint.Ports.SelectMany(port => first.Where(a => port.HostIp is not { } host || host.AddressFamily == a.AddressFamily)
                .Select(a =>
                new PortMapping((byte)port.Protocol, IsAny(port.HostIp) ? null : port.HostIp, (ushort)port.HostPort, a,
                    (ushort)port.ContainerPort))),
        ];
    }

    private static bool IsAny(IPAddress? host) => host is null || host.Equals(IPAddress.Any) || host.Equals(IPAddress.IPv6Any);
}
