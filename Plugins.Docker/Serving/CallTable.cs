using System.Collections.Frozen;
using Calico.Plugins.Docker.Addresses;
using Calico.Plugins.Docker.Endpoints;
using Calico.Plugins.Docker.Networks;
using Calico.Plugins.Docker.Protocol;

namespace Calico.Plugins.Docker.Serving;

/// <summary>All calls of both drivers, by socket and path.</summary>
/// <remarks>The IPAM driver's stand on the network driver's socket too: drivers of 2016 had one socket, and <c>--ipam-driver calico</c>
/// named it.</remarks>
internal sealed class CallTable(
    AddressCalls addresses, PoolCalls pools, NetworkCalls networks, EndpointCalls endpoints, JoinCalls joins, PortCalls ports)
{
    private const string NetworkDriver = "NetworkDriver";
    private const string IpamDriver = "IpamDriver";

    /// <summary>Of a swarm's scheduler, and of a store that dockerd no longer has.</summary>
    private static readonly string[] WithoutEffect = ["AllocateNetwork", "FreeNetwork", "DiscoverNew", "DiscoverDelete"];

    private static readonly DockerJson Json = DockerJson.Default;

    private readonly FrozenDictionary<string, PluginCall> _ipam =
        Table([Activate(IpamDriver), .. IpamCalls(addresses, pools)]);

    private readonly FrozenDictionary<string, PluginCall> _network =
        Table([Activate(NetworkDriver, IpamDriver), .. IpamCalls(addresses, pools), .. NetworkDriverCalls(networks, endpoints, joins,
            ports)]);

    /// <param name="isIpam">Which socket it came to.</param>
    /// <param name="path">With its slash.</param>
    /// <returns>Null: there is no such call.</returns>
    public PluginCall? Find(bool isIpam, string path) => (isIpam ? _ipam : _network).GetValueOrDefault(path.TrimStart('/'));

    private static FrozenDictionary<string, PluginCall> Table(IEnumerable<PluginCall> calls) =>
        calls.ToFrozenDictionary(c => c.Name, StringComparer.Ordinal);

    private static PluginCall Activate(params string[] drivers) =>
        PluginCall.Constant("Plugin.Activate", new ActivateAnswer([.. drivers]), Json.ActivateAnswer);

    private static IEnumerable<PluginCall> IpamCalls(AddressCalls addresses, PoolCalls pools) =>
    [
        PluginCall.Constant($"{IpamDriver}.GetCapabilities", new IpamCapabilities(false), Json.IpamCapabilities),
        PluginCall.Constant($"{IpamDriver}.GetDefaultAddressSpaces", AddressSpaces.Ours, Json.AddressSpaces),
        PluginCall.Of($"{IpamDriver}.RequestPool", Json.PoolRequest, Json.PoolAnswer, pools.RequestAsync),
        PluginCall.Of($"{IpamDriver}.ReleasePool", Json.PoolRelease, Json.Done, pools.ReleaseAsync),
        PluginCall.Of($"{IpamDriver}.RequestAddress", Json.AddressRequest, Json.AddressAnswer, addresses.RequestAsync),
        PluginCall.Of($"{IpamDriver}.ReleaseAddress", Json.AddressRelease, Json.Done, addresses.ReleaseAsync),
    ];

    private static IEnumerable<PluginCall> NetworkDriverCalls(NetworkCalls networks, EndpointCalls endpoints, JoinCalls joins,
        PortCalls ports) =>
    [
        PluginCall.Constant($"{NetworkDriver}.GetCapabilities", NetworkCapabilities.Ours, Json.NetworkCapabilities),
        PluginCall.Of($"{NetworkDriver}.CreateNetwork", Json.NetworkRequest, Json.Done, networks.CreateAsync),
        PluginCall.Of($"{NetworkDriver}.DeleteNetwork", Json.NetworkName, Json.Done, networks.DeleteAsync),
        PluginCall.Of($"{NetworkDriver}.CreateEndpoint", Json.EndpointRequest, Json.EndpointAnswer, endpoints.CreateAsync),
        PluginCall.Of($"{NetworkDriver}.DeleteEndpoint", Json.EndpointName, Json.Done, endpoints.DeleteAsync),
        PluginCall.Of($"{NetworkDriver}.EndpointOperInfo", Json.EndpointName, Json.EndpointFacts, endpoints.DescribeAsync),
        PluginCall.Of($"{NetworkDriver}.Join", Json.JoinRequest, Json.JoinAnswer, joins.JoinAsync),
        PluginCall.Of($"{NetworkDriver}.Leave", Json.EndpointName, Json.Done, joins.LeaveAsync),
        PluginCall.Of($"{NetworkDriver}.ProgramExternalConnectivity", Json.PortsRequest, Json.Done, ports.ProgramAsync),
        PluginCall.Of($"{NetworkDriver}.RevokeExternalConnectivity", Json.EndpointName, Json.Done, ports.RevokeAsync),
        // Whatever is said: also a retry that lost its body, and while the host stops. A refusal would undo a whole container.
        .. WithoutEffect.Select(name => PluginCall.Constant($"{NetworkDriver}.{name}", Done.Answer, Json.Done)),
    ];
}
