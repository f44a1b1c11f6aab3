using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;

namespace Calico.UnitTests.Felix;

/// <summary>Everything the store and the host say at one time, and what the dataplane should then hold.</summary>
public sealed record FelixState(string Name)
{
    public const string Node = "node-a";

    public ImmutableDictionary<ResourceKey, SyncUpdate> Stored { get; init; } = ImmutableDictionary<ResourceKey, SyncUpdate>.Empty;

    public ImmutableDictionary<WorkloadEndpointId, LocalEndpoint> Local { get; init; } =
        ImmutableDictionary<WorkloadEndpointId, LocalEndpoint>.Empty;

    /// <summary>Interfaces of the host, each with its addresses.</summary>
    public ImmutableDictionary<string, ImmutableArray<string>> Interfaces { get; init; } =
        ImmutableDictionary<string, ImmutableArray<string>>.Empty;

    /// <summary>Dump of <c>FakeDataplane</c>; null: only the equality of all ways is asked.</summary>
    public string? Expected { get; init; }

    public FelixState Called(string name, string? expected) => this with { Name = name, Expected = expected };

    public FelixState With(Resource resource)
    {
        var key = KeyOf(resource.Kind, resource.Metadata.Namespace ?? "", resource.Metadata.Name);
        return this with { Stored = Stored.SetItem(key, new(key, resource)) };
    }

    public FelixState WithDamaged(string kind, string name, string error)
    {
        var key = KeyOf(kind, "", name);
        return this with { Stored = Stored.SetItem(key, new(key, null, error)) };
    }

    public FelixState With(SyncUpdate update) => this with { Stored = Stored.SetItem(update.Key, update) };

    public FelixState WithInterface(string name, params string[] addresses) =>
        this with { Interfaces = Interfaces.SetItem(name, [.. addresses]) };

    public FelixState WithoutInterface(string name) => this with { Interfaces = Interfaces.Remove(name) };

    public FelixState With(LocalEndpoint endpoint) => this with { Local = Local.SetItem(endpoint.Id, endpoint) };

    public FelixState Without(string kind, string name) =>
        this with { Stored = Stored.RemoveRange(Stored.Keys.Where(k => k.Kind == kind && k.Name == name)) };

    public FelixState WithoutLocal(string workload) =>
        this with { Local = Local.RemoveRange(Local.Keys.Where(k => k.Workload == workload)) };

    private static ResourceKey KeyOf(string kind, string ns, string name) =>
        kind == Kinds.IpamBlock.Name ? Kinds.IpamBlock.Key(name) : ResourceKinds.All.Named(kind).Key(ns, name);

    public static Resource<ProfileSpec> Profile(string name, Rule[]? ingress = null, Rule[]? egress = null,
        params (string Key, string Value)[] labels) =>
        new Resource<ProfileSpec>
        {
            Kind = "Profile",
            Metadata = new() { Name = name, ResourceVersion = "7" },
            Spec = new()
            {
                Ingress = ingress?.ToImmutableArray(),
                Egress = egress?.ToImmutableArray(),
                LabelsToApply = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value),
            },
        };

    public static Resource<GlobalNetworkPolicySpec> Policy(string name, double? order, string selector, Rule[]? ingress = null,
        Rule[]? egress = null, string? tier = null,
        Func<GlobalNetworkPolicySpec, GlobalNetworkPolicySpec>? change = null) => new()
        {
            Kind = "GlobalNetworkPolicy",
            Metadata = new() { Name = name, ResourceVersion = "7" },
            Spec = (change ?? (spec => spec))(new()
            {
                Tier = tier,
                Order = order,
                Selector = selector,
                Ingress = ingress?.ToImmutableArray(),
                Egress = egress?.ToImmutableArray(),
            }),
        };

    public static Resource<NetworkPolicySpec> NamespacedPolicy(string name, string ns, string selector, Rule[]? ingress = null,
        Rule[]? egress = null) => new()
        {
            Kind = "NetworkPolicy",
            Metadata = new() { Name = name, Namespace = ns, ResourceVersion = "7" },
            Spec = new() { Selector = selector, Ingress = ingress?.ToImmutableArray(), Egress = egress?.ToImmutableArray() },
        };

    public static Resource Staged(string name, string selector, Rule[]? ingress = null, string action = "Set", string? tier = null) =>
        new Resource<StagedGlobalNetworkPolicySpec>
        {
            Kind = "StagedGlobalNetworkPolicy",
            Metadata = new() { Name = name, ResourceVersion = "7" },
            Spec = new() { StagedAction = action, Tier = tier, Order = 5, Selector = selector, Types = ["Ingress"],
                Ingress = ingress?.ToImmutableArray() },
        };

    public static Resource HostEndpoint(string name, string? interfaceName, string[]? expected = null, string node = Node,
        string[]? profiles = null,
        params (string Key, string Value)[] labels) => new Resource<HostEndpointSpec>
        {
            Kind = "HostEndpoint",
            Metadata = new() { Name = name, ResourceVersion = "7", Labels = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value) },
            Spec = new()
            {
                Node = node,
                InterfaceName = interfaceName,
                ExpectedIps = expected?.ToImmutableArray(),
                Profiles = profiles?.ToImmutableArray(),
                Ports = [new() { Name = "web", Protocol = new("TCP"), Port = 8080 }],
            },
        };

    public static Resource Tier(string name, double? order, string defaultAction) => new Resource<TierSpec>
    {
        Kind = "Tier",
        Metadata = new() { Name = name },
        Spec = new() { Order = order, DefaultAction = defaultAction },
    };

    public static Resource GlobalSet(string name, string[] nets,
        params (string Key, string Value)[] labels) => new Resource<GlobalNetworkSetSpec>
    {
        Kind = "GlobalNetworkSet",
        Metadata = new() { Name = name, Labels = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value) },
        Spec = new() { Nets = [.. nets] },
    };

    public static Resource Set(string name, string ns, string[] nets,
        params (string Key, string Value)[] labels) => new Resource<NetworkSetSpec>
    {
        Kind = "NetworkSet",
        Metadata = new() { Name = name, Namespace = ns, Labels = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value) },
        Spec = new() { Nets = [.. nets] },
    };

    public static Resource<WorkloadEndpointSpec> Remote(string name, string address, string node = "node-b", string[]? profiles = null,
        WorkloadEndpointPort[]? ports = null, params (string Key, string Value)[] labels) => new()
        {
            Kind = "WorkloadEndpoint",
            Metadata = new() { Name = name, Namespace = "default", Labels = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value) },
            Spec = new()
            {
                Node = node,
                Orchestrator = "cni",
                IpNetworks = [address],
                Profiles = profiles?.ToImmutableArray(),
                Ports = ports?.ToImmutableArray(),
            },
        };

    public static Resource Pool(string name, string cidr, bool natOutgoing) => new Resource<IpPoolSpec>
    {
        Kind = "IPPool",
        Metadata = new() { Name = name },
        Spec = new() { Cidr = cidr, NatOutgoing = natOutgoing },
    };

    public static Resource Block(string cidr, string? affinity, bool deleted = false) => new Resource<IpamBlockSpec>
    {
        Kind = "IPAMBlock",
        Metadata = new() { Name = cidr },
        Spec = new() { Cidr = cidr, Affinity = affinity, Deleted = deleted },
    };

    public static Resource Configuration(string name, string? hostAction = null, bool? vxlan = null) => new Resource<FelixConfigurationSpec>
    {
        Kind = "FelixConfiguration",
        Metadata = new() { Name = name },
        Spec = new() { DefaultEndpointToHostAction = hostAction, AllowVxlanPacketsFromWorkloads = vxlan },
    };

    public static LocalEndpoint Endpoint(string workload, string address, string[] profiles,
        params (string Key, string Value)[] labels) => new()
    {
        Id = new("cni", workload, "eth0"),
        InterfaceName = "cali" + workload,
        Addresses = [IPNetwork.Parse(address)],
        Profiles = [.. profiles],
        Labels = labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value),
        NamedPorts = [new("web", ProtocolType.Tcp, 8080)],
    };

    public static Rule Allow(EntityRule? source = null, EntityRule? destination = null, string? protocol = null) => new()
    {
        Action = "Allow",
        Source = source,
        Destination = destination,
        Protocol = protocol is null ? null : new NumberOrString(protocol),
    };

    public static Rule Deny(string? protocol = null) =>
        new() { Action = "Deny", Protocol = protocol is null ? null : new NumberOrString(protocol) };
}
