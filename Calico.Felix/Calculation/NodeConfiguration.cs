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
}
