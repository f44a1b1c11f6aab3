using System.Collections.Immutable;
using System.Net.Sockets;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>What Mesos' <c>network/cni</c> isolator asks for in <c>args["org.apache.mesos"].network_info</c>, besides addresses and labels.
/// </summary>
/// <param name="Groups">A profile each, instead of the network's.</param>
/// <param name="Ports">Host ports that lead to the container; 0: one is chosen.</param>
internal sealed record MesosNetworkInfo(ImmutableArray<string> Groups, ImmutableArray<PublishedPort> Ports)
{
    public static MesosNetworkInfo Read(ConfigurationObject networkInfo)
    {
        var groups = networkInfo.Texts("groups");
        foreach (var fault in groups.Select(MesosGroups.FaultOf).OfType<string>())
        {
            networkInfo.Fault("groups", fault);
        }

        return new([.. MesosGroups.InOrder(groups)], [.. PortsIn(networkInfo).Distinct()]);
    }

    private static IEnumerable<PublishedPort> PortsIn(ConfigurationObject networkInfo)
    {
        foreach (var mapping in networkInfo.Objects("port_mappings"))
        {
            var (host, container) = (mapping.Number("host_port", 1, 65535), mapping.Number("container_port", 1, 65535));
            ProtocolType? protocol = mapping.Text("protocol", "tcp").ToLowerInvariant() switch
            {
                "tcp" or "" => ProtocolType.Tcp,
                "udp" => ProtocolType.Udp,
                // The framework has no name for it.
                "sctp" => (ProtocolType)132,
                _ => null,
            };
            if (protocol is null)
            {
                mapping.Fault("protocol", "must be tcp, udp or sctp");
            }
            else if (container == 0)
            {
                mapping.Fault("container_port", "must be a number from 1 to 65535");
            }
            else
            {
                yield return new(protocol.Value, null, host, 0, container);
            }
        }
    }
}
