using System.Collections.Immutable;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>What Mesos' <c>network/cni</c> isolator asks for in <c>args["org.apache.mesos"].network_info</c>, besides addresses and labels.
/// </summary>
/// <param name="Groups">A profile each, instead of the network's.</param>
/// <param name="Ports">Host ports that lead to the container; 0: one is chosen.</param>
internal sealed record MesosTask(ImmutableArray<string> Groups, ImmutableArray<PublishedPort> Ports)
{
    public static MesosTask Read(ConfigurationObject networkInfo)
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
            if (PortMappings.ProtocolOf(mapping) is not { } protocol)
            {
                continue;
            }

            if (container == 0)
            {
                mapping.Fault("container_port", "must be a number from 1 to 65535");
                continue;
            }

            yield return new(protocol, null, host, 0, container);
        }
    }
}
