using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Calico.Host.Workloads.Ports;

/// <summary>What a published port may be, whichever adapter asks for it.</summary>
internal static class PortRules
{
    public const int LargestPort = 65535;

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the field's path.</exception>
    public static void Check(ImmutableArray<PublishedPort> ports)
    {
        for (var i = 0; i < ports.Length; i++)
        {
            var port = ports[i];
            void Refuse(bool isWrong, string field, string message)
            {
                if (isWrong)
                {
                    throw new CalicoException(Problem.Invalid, message, PathOf(i, field));
                }
            }

            Refuse(NameOf(port.Protocol) is null, nameof(port.Protocol),
                $"protocol {(int)port.Protocol} has no ports that can be published: tcp, udp or sctp");
            Refuse(port.ContainerPort is < 1 or > LargestPort, nameof(port.ContainerPort), $"{port.ContainerPort} is not a port");
            Refuse(port.HostPort is < 0 or > LargestPort, nameof(port.HostPort), $"{port.HostPort} is not a port");
            Refuse(port.HostPortEnd != 0 && (port.HostPortEnd < port.HostPort || port.HostPortEnd > LargestPort || port.HostPort == 0),
                nameof(port.HostPortEnd),
                $"{port.HostPort}-{port.HostPortEnd} is not a range of ports");
            Refuse(port.HostIp is { AddressFamily: AddressFamily.InterNetworkV6 } six && (IPAddress.IsLoopback(six) || six.IsIPv6LinkLocal
                || six.IsIPv4MappedToIPv6),
                nameof(port.HostIp), $"{port.HostIp} cannot be published on: the kernel routes it to no workload");
            Refuse(port.HostIp is { } other && other.GetAddressBytes() is [>= 224 and < 240, _, _, _] or [255, 255, 255, 255],
                nameof(port.HostIp),
                $"{port.HostIp} is no host's address");
        }
    }

    /// <summary>Of the field of one of the ports.</summary>
    public static string PathOf(int index, string field) => string.Create(CultureInfo.InvariantCulture, $"Ports[{index}].{field}");

    /// <summary>As people write it; null: it has no ports.</summary>
    public static string? NameOf(ProtocolType protocol) => (int)protocol switch { 6 => "tcp", 17 => "udp", 132 => "sctp", _ => null };
}
