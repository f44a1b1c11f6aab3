using System.Security.Cryptography;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Selectors;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Host endpoints: states of the store and of the host's interfaces, and which programs judge which interface.</summary>
[TestFixture]
public sealed class HostEndpointStates
{
    private const string Broken = """{"metadata":{"name":"web"},"spec":{"node":"node-a","interfaceName":"eth0","ports":7}}""";

    private static readonly FelixState Named = new FelixState("one that names an interface judges it, whether or not it is there")
    {
        Expected = "interface eth0 of web",
    }.With(HostEndpoint("web", "eth0"));

    private static readonly FelixState Foreign = Named
        .With(HostEndpoint("theirs", "eth0", node: "node-b"))
        .With(HostEndpoint("theirs-all", "*", node: "node-b"))
        .Called("another node's judges nothing here", Named.Expected);

    private static readonly FelixState FirstByName = Foreign
        .With(HostEndpoint("a", "eth0")).With(HostEndpoint("all-2", "*")).With(HostEndpoint("all-1", "*"))
        .Called("of several the first by name has it; one of all interfaces has the rest", "interface * of all-1\ninterface eth0 of a");

    private static readonly FelixState ByAddress = Named
        .With(HostEndpoint("address", null, expected: ["192.0.2.1", "2001:db8::1"]))
        .WithInterface("eth0", "192.0.2.1").WithInterface("eth1", "198.51.100.1", "2001:db8::1").WithInterface("eth2")
        .Called("one without a name has the interfaces of its addresses, and goes before one by name that is later",
            "interface eth0 of address\ninterface eth1 of address");

    private static readonly FelixState AddressMoved = ByAddress
        .WithInterface("eth0", "192.0.2.2").WithoutInterface("eth1").WithInterface("eth2", "2001:db8::1", "192.0.2.1")
        .Called("an address that moves takes it along", "interface eth0 of web\ninterface eth2 of address");

    private static readonly FelixState Policies = new FelixState("policies of each stage where they belong")
    {
        Expected = $$"""
            set {{Id("has(peer)")}} 192.0.2.9
            list prednat/default/ingress/{{Hash("Pass", "GlobalNetworkPolicy(nat)")}}
              Deny any    # default/GlobalNetworkPolicy(nat) rule 0 @7
            list profile/open/egress
              Allow any    # Profile(open) rule 0 @7
            list profile/open/ingress
              Allow any    # Profile(open) rule 0 @7
            list tier/default/ingress/{{Hash("Deny", "GlobalNetworkPolicy(forward)", "GlobalNetworkPolicy(normal)")}}
              Allow protocol 17    # default/GlobalNetworkPolicy(forward) rule 0 @7
              Allow protocol 6 from set {{Id("has(peer)")}}    # default/GlobalNetworkPolicy(normal) rule 0 @7
              Deny any    # end of tier default
            list tier/default/ingress/{{Hash("Deny", "GlobalNetworkPolicy(forward)")}}
              Allow protocol 17    # default/GlobalNetworkPolicy(forward) rule 0 @7
              Deny any    # end of tier default
            list untracked/default/egress/{{Hash("Pass", "GlobalNetworkPolicy(raw)")}}
              Allow protocol 6    # default/GlobalNetworkPolicy(raw) rule 0 @7
            interface eth0 of web
              in tier/default/ingress/{{Hash("Deny", "GlobalNetworkPolicy(forward)", "GlobalNetworkPolicy(normal)")}},profile/open/ingress
              out profile/open/egress
              forward-in tier/default/ingress/{{Hash("Deny", "GlobalNetworkPolicy(forward)")}}
              raw-out untracked/default/egress/{{Hash("Pass", "GlobalNetworkPolicy(raw)")}}
              prednat prednat/default/ingress/{{Hash("Pass", "GlobalNetworkPolicy(nat)")}}
            """,
    }
        .With(HostEndpoint("web", "eth0", profiles: ["open"], labels: ("role", "gateway")))
        .With(HostEndpoint("peer", "eth0", expected: ["192.0.2.9"], node: "node-b", labels: ("peer", "")))
        .With(Profile("open", [Allow()], [Allow()]))
        .With(Policy("normal", 3, "role == 'gateway'", [Allow(new() { Selector = "has(peer)" }, protocol: "TCP")]))
        .With(Policy("forward", 2, "role == 'gateway'", [Allow(protocol: "UDP")], change: spec => spec with { ApplyOnForward = true }))
        .With(Policy("raw", 1, "role == 'gateway'", egress: [Allow(protocol: "TCP")], change: spec =>
            spec with { DoNotTrack = true, ApplyOnForward = true, Types = ["Egress"] }))
        .With(Policy("nat", 1, "role == 'gateway'", [Deny()], change: spec => spec with { PreDnat = true, ApplyOnForward = true }))
        .With(NamespacedPolicy("not-theirs", "default", "all()", [Deny()]));

    private static readonly FelixState Unlabelled = Policies
        .With(HostEndpoint("web", "eth0", profiles: ["open"]))
        .Called("without the label no policy is asked", """
            list profile/open/egress
              Allow any    # Profile(open) rule 0 @7
            list profile/open/ingress
              Allow any    # Profile(open) rule 0 @7
            interface eth0 of web
              in profile/open/ingress
              out profile/open/egress
            """);

    private static readonly FelixState Damaged = Named
        .With(Decoded("web", Broken))
        .Called("one that cannot be read denies where it says it is", """
            list host-endpoint/web/egress
              Deny any    # HostEndpoint(web): FAULT
            list host-endpoint/web/ingress
              Deny any    # HostEndpoint(web): FAULT
            interface eth0 of web
              in host-endpoint/web/ingress
              out host-endpoint/web/egress
              forward-in host-endpoint/web/ingress
              forward-out host-endpoint/web/egress
            """.Replace("FAULT", Decoded("web", Broken).Error, StringComparison.Ordinal));

    private static readonly FelixState NoNode = Named
        .With(Decoded("lost", """{"metadata":{"name":"lost"},"spec":{"interfaceName":"eth1","ports":7}}"""))
        .With(Decoded("broken", "{"))
        .Called("of one that says no node nobody can tell whom it means", Named.Expected);

    private static readonly FelixState Anywhere = Named
        .With(Decoded("odd", """{"metadata":{"name":"odd"},"spec":{"node":"node-a","interfaceName":7}}"""))
        .Called("one that is this node's and says no interface denies at all that no other has", null);

    private static IEnumerable<TestCaseData> Cases() => StateExpander.Cases(
        [Named, Foreign, FirstByName, ByAddress, AddressMoved, Policies, Unlabelled, Damaged, NoNode, Anywhere]);

    [TestCaseSource(nameof(Cases))]
    public void Host_endpoint_states_end_in_the_same_dataplane(FelixState[] states, Delivery way) => StateExpander.Replay(states, way);

    [Test]
    public void A_host_endpoint_of_this_node_that_names_no_interface_denies_on_all() =>
        Assert.That(StateExpander.Snapshot(Anywhere), Does.Contain("interface * of odd\n  in host-endpoint/odd/ingress\n")
            .And.Contain("interface eth0 of web"));

    [Test]
    public void Failsafe_ports_are_the_configured_ones_or_all_of_upstreams()
    {
        var settings = (FelixConfigurationSpec spec) => StateExpander.Snapshot(new FelixState("").With(new Resource<FelixConfigurationSpec>
        {
            Kind = "FelixConfiguration",
            Metadata = new() { Name = "default" },
            Spec = spec,
        }));
        Assert.That(settings(
            new() { FailsafeInboundHostPorts = [new() { Protocol = "tcp", Port = 22, Net = "10.0.0.0/8" }],
            FailsafeOutboundHostPorts = [] }),
            Does.Contain("Failsafes = in [6:22 10.0.0.0/8] out []"));
        Assert.That(settings(
            new() { FailsafeInboundHostPorts = [new() { Protocol = "TCP", Port = 22 }, new() { Protocol = "ICMP", Port = 1 }] }), Is.Empty,
            "one that cannot be used: whoever is locked out could not mend it");
    }

    private static Datastore.Sync.SyncUpdate Decoded(string name, string json) =>
        ResourceKinds.All.TryDecode($"/calico/resources/v3/projectcalico.org/hostendpoints/{name}", Encoding.UTF8.GetBytes(json),
            out var update)
            ? update : throw new AssertionException(name);

    private static string Id(string selector) => Selector.TryParse(selector, out var parsed, out _) ? parsed.Id
        : throw new AssertionException(selector);

    private static string Hash(string end, params string[] policies) => System.Buffers.Text.Base64Url.EncodeToString(
        SHA256.HashData(Encoding.UTF8.GetBytes($"{end}\n{string.Join('\n', policies)}")))[..21];
}
