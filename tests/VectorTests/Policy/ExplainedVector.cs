using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;

namespace Calico.VectorTests.Policy;

/// <summary>A vector as <c>calicoctl explain</c> sees it: from resources alone, hosts with their uplinks.</summary>
internal sealed class ExplainedVector
{
    private const string Uplink = "eth0";
    private const ushort ClientPort = 40000;

    private readonly ClusterPolicy _policy;
    private readonly Dictionary<string, HostPassage> _hosts;
    private readonly Dictionary<string, VectorEndpoint> _endpoints;

    /// <param name="vector">What is asked about.</param>
    /// <param name="interfaceName">Of host endpoints that the vector gives with two.</param>
    public ExplainedVector(PolicyVector vector, string interfaceName)
    {
        var hosts = vector.HostEndpoints.Select(endpoint => endpoint.GetProperty("node").GetString()!)
            .Concat(vector.Endpoints.Select(endpoint => endpoint.Node)).Distinct().ToList();
        ImmutableArray<SyncUpdate> stored =
        [
            .. vector.Updates, .. vector.Endpoints.Select(Store),
            .. vector.HostEndpoints.Select(endpoint => PolicyVector.ReadHostEndpoint(endpoint, interfaceName,
                AddressOf(hosts, endpoint.GetProperty("node").GetString()!).ToShortString())),
        ];
        _policy = ClusterPolicy.Compile(stored, followsServices: true);
        _hosts = hosts.ToDictionary(node => node, node => new HostPassage(HostPolicy.Compile(stored, node,
            new Dictionary<string, ImmutableArray<Cidr>> { [Uplink] = [AddressOf(hosts, node)] }, followsServices: true), Uplink));
        _endpoints = vector.Endpoints.ToDictionary(endpoint => endpoint.Name);
    }

    /// <summary>Whether a connection comes about.</summary>
    public bool Allows(VectorFlow flow)
    {
        var (source, destination) = (End(flow.Source), End(flow.Destination));
        var target = flow.ViaNodePort is { } via ? End(via) : destination;
        var asked = new FirstPacket(source.Address, destination.Address, flow.Protocol, ClientPort, flow.Port, null);
        var sent = flow.ViaNodePort is null ? asked
            : asked with { Destination = target.Address, DestinationPort = PolicyVector.NodePortTarget };
        return _policy.Explain(source, target, sent, asked).Allowed;
    }

    private PolicyPeer End(string name) =>
        _endpoints.TryGetValue(name, out var endpoint)
            ? new(KeyOf(endpoint), Cidr.Parse($"{endpoint.Address}"), _hosts[endpoint.Node])
            : _hosts.TryGetValue(name, out var host) ? new(null, host.Policy.Interfaces[Uplink][0], host)
            : new(null, Cidr.Parse("192.0.2.200/32"));

    private static Cidr AddressOf(List<string> hosts, string node) =>
        Cidr.Parse(string.Create(CultureInfo.InvariantCulture, $"192.0.2.{hosts.IndexOf(node) + 1}/32"));

    private static ResourceKey KeyOf(VectorEndpoint endpoint) =>
        Kinds.WorkloadEndpoint.Key(endpoint.Local.Namespace, endpoint.Local.Id.Workload);

    private static SyncUpdate Store(VectorEndpoint endpoint) => new(KeyOf(endpoint), new Resource<WorkloadEndpointSpec>
    {
        Kind = Kinds.WorkloadEndpoint.Name,
        Metadata = new() { Name = endpoint.Local.Id.Workload, Namespace = endpoint.Local.Namespace, Labels = endpoint.Local.Labels },
        Spec = new()
        {
            Node = endpoint.Node,
            Orchestrator = endpoint.Local.Id.Orchestrator,
            Workload = endpoint.Local.Id.Workload,
            Endpoint = endpoint.Local.Id.Endpoint,
            InterfaceName = endpoint.Local.InterfaceName,
            IpNetworks = [$"{endpoint.Address}/{endpoint.Address.GetAddressBytes().Length * 8}"],
            Profiles = endpoint.Local.Profiles,
            Ports = [.. endpoint.Local.NamedPorts.Select(port => new WorkloadEndpointPort
            {
                Name = port.Name, Protocol = new((int)port.Protocol), Port = port.Port,
            })],
        },
    });
}
