using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>FelixConfiguration: the cluster's (<c>default</c>), and over it this node's (<c>node.NAME</c>), field by field.</summary>
internal sealed class NodeConfiguration(string nodeName)
{
    private const string ClusterName = "default";

    private readonly string _ownName = "node." + nodeName;
    private FelixConfigurationSpec? _cluster;
    private FelixConfigurationSpec? _own;
    private NodeSettings? _told;

    /// <summary>One that cannot be used is as if it were not there: the former settings of this process would be lost with a
    /// restart, so keeping them would only hide the fault.</summary>
    public void Apply(SyncUpdate update)
    {
        var spec = Kinds.FelixConfiguration.TryRead(update, out var configuration) ? configuration.Spec : null;
        if (update.Key.Name == ClusterName)
        {
            _cluster = spec;
        }
        else if (update.Key.Name == _ownName)
        {
            _own = spec;
        }
    }

    public SettingsUpdate? Take()
    {
        var settings = new NodeSettings
        {
            EndpointToHost = (_own?.DefaultEndpointToHostAction ?? _cluster?.DefaultEndpointToHostAction)?.ToLowerInvariant() switch
            {
                "accept" => HostAction.Accept,
                "return" => HostAction.Return,
                _ => HostAction.Drop,
            },
            AllowVxlanFromWorkloads = (_own?.AllowVxlanPacketsFromWorkloads ?? _cluster?.AllowVxlanPacketsFromWorkloads) == true,
            AllowIpipFromWorkloads = (_own?.AllowIpipPacketsFromWorkloads ?? _cluster?.AllowIpipPacketsFromWorkloads) == true,
            DropInvalid = (_own?.DisableConntrackInvalidCheck ?? _cluster?.DisableConntrackInvalidCheck) != true,
            Failsafes = new(
                Failsafes(_own?.FailsafeInboundHostPorts ?? _cluster?.FailsafeInboundHostPorts) ?? FailsafePorts.Default.Inbound,
                Failsafes(_own?.FailsafeOutboundHostPorts ?? _cluster?.FailsafeOutboundHostPorts) ?? FailsafePorts.Default.Outbound),
            NatPorts = PortRange.TryParse((_own?.NatPortRange ?? _cluster?.NatPortRange)?.ToString() ?? "", out var range) && range.Last > 0
                ? range : null,
        };
        if (settings == _told)
        {
            return null;
        }

        _told = settings;
        return new(settings);
    }

    /// <summary>One entry that cannot be used is the whole list's: whoever is locked out cannot mend it.</summary>
    /// <returns>Null: the default ones.</returns>
    private static EquatableArray<FailsafePort>? Failsafes(ImmutableArray<ProtoPort>? ports)
    {
        if (ports is not { } given)
        {
            return null;
        }

        var failsafes = ImmutableArray.CreateBuilder<FailsafePort>();
        foreach (var port in given)
        {
            byte? protocol = port.Protocol.ToLowerInvariant() switch
            {
                "tcp" => 6,
                "udp" => 17,
                "sctp" => 132,
                _ => null,
            };
            Cidr? net = Cidr.TryParse(port.Net ?? "", out var range) ? range : null;
            if (protocol is not { } known || port.Port is < 1 or > ushort.MaxValue || (!string.IsNullOrEmpty(port.Net) && net is null))
            {
                return null;
            }

            failsafes.Add(new(known, (ushort)port.Port, net));
        }

        return new(failsafes.ToImmutable());
    }
}
