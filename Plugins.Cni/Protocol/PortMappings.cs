using System.Collections.Immutable;
using System.Net.Sockets;

namespace Calico.Plugins.Cni.Protocol;

/// <summary><c>runtimeConfig.portMappings</c>.</summary>
internal static class PortMappings
{
    public static ImmutableArray<PublishedPort> Read(ConfigurationObject runtime)
    {
        var ports = ImmutableArray.CreateBuilder<PublishedPort>();
        foreach (var mapping in runtime.Objects("portMappings"))
        {
            var (host, container) = (mapping.Number("hostPort", 1, 65535), mapping.Number("containerPort", 1, 65535));
            if (ProtocolOf(mapping) is { } protocol && host > 0 && container > 0)
            {
                ports.Add(new(protocol, null, host, host, container));
            }
        }

        return ports.ToImmutable();
    }

    /// <summary>Of a mapping; null: there is no such protocol, which is a fault.</summary>
    public static ProtocolType? ProtocolOf(ConfigurationObject mapping)
    {
        switch (mapping.Text("protocol", "tcp").ToLowerInvariant())
        {
            case "tcp" or "":
                return ProtocolType.Tcp;
            case "udp":
                return ProtocolType.Udp;
            case "sctp":
                // portmap leads it too; the framework has no name for it.
                return (ProtocolType)132;
            default:
                mapping.Fault("protocol", "must be tcp, udp or sctp");
                return null;
        }
    }
}
