using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Kubernetes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.TestKit;
using CsCheck;
using NUnit.Framework;
using static Calico.UnitTests.Felix.RandomRules;

namespace Calico.UnitTests.Felix;

/// <summary>Random policies over four endpoints, as plain semantics and as resources.</summary>
internal static class RandomPolicies
{
    public static readonly string[] Hosts4 = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.7"];
    public static readonly string[] Hosts6 = ["fd00::1", "fd00::2", "fd00:1::1", "2001:db8::7"];
    public static readonly string[] Protocols = RandomRules.Protocols;
    /// <summary>Interface of the host, and the host's own addresses on it.</summary>
    public const string HostLink = "eth0";
    public static readonly string[] HostAddresses = ["192.0.2.1", "2001:db8::1"];
    private static readonly (string, string, int) Web = (RandomRules.WebPort, "TCP", 8080);
    private static Gen<PlainRules> GenPolicy(bool full) => Gen.Select(Gen.Int[0, 5], Pick("", "default", "other"),
        Gen.Select(Pick("default", "one", "two", "lost"), full ? Gen.Int[0, 9] : Gen.Const(9), GenWhom(full)),
        Pick<double?>(null, 1, 1, 2), Pick(PlainPolicy.Selectors.Keys.ToArray()), Gen.Int[1, 15], GenRule(full).Array[0, 3],
        GenRule(full).Array[0, 3])
        .Select((name, ns, tier, order, selector, types, ingress, egress) => new PlainRules(
            (types >= 12 ? "Staged" : "") + (ns.Length == 0 ? "GlobalNetworkPolicy" : "NetworkPolicy"),
            $"p{name}", ns, tier.Item1, order, selector, types % 3 != 1 || IsPreDnat(ns, types, tier.Item2),
            types % 3 != 2 && !IsPreDnat(ns, types, tier.Item2), ingress, egress)
        {
            Stage = ns.Length > 0 || types >= 12 ? "" : tier.Item2 == 0 ? "untracked" : tier.Item2 == 1 ? "preDNAT" : "",
            AppliesOnForward = ns.Length == 0 && tier.Item2 < 6,
            NamespaceSelector = ns.Length == 0 ? tier.Item3.Namespaces : "",
            AccountSelector = tier.Item3.Accounts,
        });

    /// <summary>Whom a policy means beside its selector; mostly nobody else is asked.</summary>
    private static Gen<(string Namespaces, string Accounts)> GenWhom(bool full) => !full ? Gen.Const(("", "")) : Gen.Frequency(
        (14, Gen.Const(("", ""))),
        (1, Pick("all()", "team == 'red'", "!has(team)").Select(text => (text, ""))),
        (1, Pick(PlainPolicy.AccountSelectors.Keys.ToArray()).Select(text => ("", text))),
        (1, Gen.Select(Pick("all()", "team == 'red'", "!has(team)"), Pick(PlainPolicy.AccountSelectors.Keys.ToArray()))));

    private static bool IsPreDnat(string ns, int types, int kind) => ns.Length == 0 && types < 12 && kind == 1;

    private static readonly Gen<ImmutableSortedDictionary<string, string>> GenLabels = Gen.Select(
        Pick<string>("x", "y", "w", null!), Pick<string>("z", "", null!))
        .Select((a, b) => new[] { ("a", a), ("b", b) }.Where(l => l.Item2 is not null)
            .ToImmutableSortedDictionary(l => l.Item1, l => l.Item2));

    public static readonly Gen<PlainPolicy> GenPlain = GenWhole(full: false);

    /// <summary>With every field that a packet can tell, and a host endpoint now and then.</summary>
    public static readonly Gen<PlainPolicy> GenFull = GenWhole(full: true);

    private static Gen<PlainPolicy> GenWhole(bool full) => Gen.Select(
        GenPolicy(full).Array[0, full ? 12 : 6], GenLabels.Array[8, 8], Pick("Deny", "Pass").Array[2, 2],
        Pick<double?>(null, 1, 2_000_000).Array[2, 2],
        GenRule(full).Array[0, 2].Array[2, 2], full ? Pick(null, HostLink, "*", "") : Gen.Const((string?)null),
        Gen.Select(GenOwners, full ? GenService.Array[2, 2] : Gen.Const<(string[] Addresses, (string, int)[] Ports)[]>([])))
        .Select((policies, labels, defaults, orders, profile, host, others) =>
        {
            var (owners, services) = others;
            return Plain([.. policies.DistinctBy(p => (p.Name, p.Namespace))], labels, defaults, orders, profile, host, owners,
                [.. services.Zip([("default", "shop"), ("other", "cart")], (service, name) =>
                    new PlainService(name.Item1, name.Item2, service.Addresses, service.Ports))]);
        });

    /// <summary>Labels of two namespaces and of an account.</summary>
    private static Gen<string[]> GenOwners => Pick("red", "blue", "").Array[3, 3];

    /// <summary>What is behind a Service: of both families, workloads or not, perhaps nobody.</summary>
    private static Gen<(string[] Addresses, (string, int)[] Ports)> GenService => Gen.Select(
        Pick([.. Hosts4, .. Hosts6]).Array[0, 5], Pick(("TCP", 80), ("UDP", 2000), ("SCTP", 8080), ("TCP", 22)).Array[0, 3],
        (addresses, ports) => (addresses.Distinct().ToArray(), ports.Distinct().ToArray()));

    /// <summary>The resources that say what the plain policy says, but for the endpoints.</summary>
    public static FelixState StateOf(PlainPolicy plain)
    {
        var state = new FelixState("random");
        foreach (var tier in plain.Tiers.Where(t => t.Name != "default"))
        {
            state = state.With(FelixState.Tier(tier.Name, tier.Order, tier.Default));
        }

        foreach (var p in plain.Policies)
        {
            ImmutableArray<string> types =
                [.. new[] { p.AppliesToIngress ? "Ingress" : null, p.AppliesToEgress ? "Egress" : null }.OfType<string>()];
            state = state.With(p.IsStaged ? Staged(p, types) : p.Namespace.Length == 0
                ? new Resource<GlobalNetworkPolicySpec>
                {
                    Kind = p.Kind,
                    Metadata = new() { Name = p.Name },
                    Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types,
                        ServiceAccountSelector = p.AccountSelector, Ingress = [.. p.Ingress], Egress = [.. p.Egress],
                        NamespaceSelector = p.NamespaceSelector, DoNotTrack = p.Stage == "untracked", PreDnat = p.Stage == "preDNAT",
                            ApplyOnForward = p.AppliesOnForward },
                }
                : new Resource<NetworkPolicySpec>
                {
                    Kind = p.Kind,
                    Metadata = new() { Name = p.Name, Namespace = p.Namespace },
                    Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types,
                        ServiceAccountSelector = p.AccountSelector, Ingress = [.. p.Ingress], Egress = [.. p.Egress] },
                });
        }

        if (plain is { HostInterface: { } link, Items: [.., var host] })
        {
            state = state.With(FelixState.HostEndpoint("host", link.Length == 0 ? null : link, HostAddresses, profiles: ["prof"],
                labels: [.. host.Labels.Select(l => (l.Key, l.Value))]));
        }

        foreach (var profile in plain.Profiles.Values)
        {
            state = state.With(FelixState.Profile(profile.Name, [.. profile.Ingress], [.. profile.Egress],
                [.. profile.Labels.Select(l => (l.Key, l.Value))]));
        }

        foreach (var service in plain.Services)
        {
            state = state.With(SliceOf(service));
        }

        return state
            .With(FelixState.GlobalSet("global", [.. plain.Items[4].Nets], [.. plain.Items[4].Labels.Select(l => (l.Key, l.Value))]))
            .With(FelixState.Set("set", "other", [.. plain.Items[5].Nets], [.. plain.Items[5].Labels.Select(l => (l.Key, l.Value))]));
    }

    private static SyncUpdate SliceOf(PlainService service)
    {
        var slice = EndpointSliceConversion.Convert(JsonSerializer.SerializeToElement(new
        {
            metadata = new
            {
                name = service.Name,
                @namespace = service.Namespace,
                labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = service.Name },
            },
            endpoints = new[] { new { addresses = service.Addresses } },
            ports = service.Ports.Select(port => new { protocol = port.Protocol, port = port.Number }),
        }));
        return new(slice.Key, slice.Slice);
    }

    /// <summary>One of each kind that rules tell apart.</summary>
    /// <remarks>No destination port is a source port, so none answers another.</remarks>
    public static IEnumerable<PlainPacket> PacketsBetween(IPAddress source, IPAddress destination)
    {
        foreach (var protocol in Protocols)
        {
            foreach (var (from, to) in new[] { (1234, 80), (443, 2000), (1234, 3000), (443, 8080), (1234, 22) })
            {
                yield return new(source, destination, protocol, from, to);
            }
        }

        var isIpv6 = source.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        foreach (var icmp in isIpv6 ? [(128, 0), (128, 1)] : new[] { (8, 0), (8, 1), (13, 0) })
        {
            yield return new(source, destination, isIpv6 ? "ICMPv6" : "ICMP", 0, 0) { Icmp = icmp };
        }

        // Without ports the way back is the same connection.
        if (string.CompareOrdinal($"{source}", $"{destination}") < 0)
        {
            yield return new(source, destination, "89", 0, 0);
        }
    }

    private static PlainPolicy Plain(PlainRules[] policies, ImmutableSortedDictionary<string, string>[] labels, string[] defaults,
        double?[] orders, Rule[][] profile, string? host, string[] owners, PlainService[] services) => new()
    {
        Policies = policies,
        HostInterface = host,
        Tiers = [new("default", 1_000_000, "Deny"), new("one", orders[0], defaults[0]), new("two", orders[1], defaults[1])],
        Services = services,
        Profiles = new Dictionary<string, PlainRules>
        {
            ["prof"] = Profile("prof", profile, labels[7]),
            ["kns.default"] = Profile("kns.default", [[], []], Owner("pcns.team", owners[0])),
            ["kns.other"] = Profile("kns.other", [[], []], Owner("pcns.team", owners[1])),
            ["ksa.default.bot"] = Profile("ksa.default.bot", [[], []], Owner("pcsa.role", owners[2] == "red" ? "x" : owners[2])),
        },
        Items =
        [
            new("e0", "default", labels[0], [Hosts4[0] + "/32"], ["prof", "kns.default", "ksa.default.bot"])
                { Port = Web, Account = "bot" },
            new("e1", "default", labels[1], [Hosts4[1] + "/32"], ["kns.default", "prof", "gone"]) { Port = Web },
            new("e2", "other", labels[2], [Hosts6[0] + "/128"], ["gone", "kns.other"]) { Port = Web, Account = "cli" },
            new("e3", "other", labels[3], [Hosts6[1] + "/128"], ["prof"]) { Port = Web },
            new("global", "", labels[4], ["10.0.0.0/16", "192.0.2.0/24"], []),
            // It inherits the labels of its namespace without being told.
            new("set", "other", labels[5], ["fd00:1::/32", "10.0.1.1/32", "fd00::2/128"], ["kns.other"]),
            .. host is null ? Array.Empty<PlainItem>()
                : [new("host", "", labels[6], [HostAddresses[0] + "/32", HostAddresses[1] + "/128"], ["prof"]) { Port = Web }],
        ],
    };

    private static PlainRules Profile(string name, Rule[][] rules, IReadOnlyDictionary<string, string> labels) =>
        new(Kinds.Profile.Name, name, "", "", null, "", true, true, rules[0], rules[1]) { Labels = labels };

    private static Dictionary<string, string> Owner(string label, string value) => value.Length == 0 ? [] : new() { [label] = value };

    /// <summary>A workload as its node knows it.</summary>
    public static LocalEndpoint LocalOf(PlainItem item) =>
        FelixState.Endpoint(item.Name, item.Nets[0], [.. item.Profiles], [.. item.Labels.Select(l => (l.Key, l.Value))]) with
        {
            Namespace = item.Namespace, ServiceAccount = item.Account,
        };

    /// <summary>A workload as the store has it.</summary>
    public static SyncUpdate StoredOf(PlainItem item) => new(Kinds.WorkloadEndpoint.Key(item.Namespace, item.Name),
        new Resource<WorkloadEndpointSpec>
        {
            Kind = Kinds.WorkloadEndpoint.Name,
            Metadata = new()
            {
                Name = item.Name, Namespace = item.Namespace, Labels = item.Labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value),
            },
            Spec = new()
            {
                Orchestrator = "cni", Workload = item.Name, Node = FelixState.Node, Endpoint = "eth0",
                InterfaceName = "cali" + item.Name,
                IpNetworks = [.. item.Nets],
                Profiles = [.. item.Profiles],
                ServiceAccountName = item.Account.Length == 0 ? null : item.Account,
                Ports = item.Port is { } port ? [new() { Name = port.Name, Protocol = new(port.Protocol), Port = port.Number }] : null,
            },
        });

    private static Resource Staged(PlainRules p, ImmutableArray<string> types) => p.Namespace.Length == 0
        ? new Resource<StagedGlobalNetworkPolicySpec>
        {
            Kind = p.Kind,
            Metadata = new() { Name = p.Name },
            Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, ServiceAccountSelector = p.AccountSelector,
                Ingress = [.. p.Ingress],
                Egress = [.. p.Egress], ApplyOnForward = p.AppliesOnForward, NamespaceSelector = p.NamespaceSelector },
        }
        : new Resource<StagedNetworkPolicySpec>
        {
            Kind = p.Kind,
            Metadata = new() { Name = p.Name, Namespace = p.Namespace },
            Spec = new() { Tier = p.Tier, Order = p.Order, Selector = p.Selector, Types = types, ServiceAccountSelector = p.AccountSelector,
                Ingress = [.. p.Ingress],
                Egress = [.. p.Egress] },
        };
}
