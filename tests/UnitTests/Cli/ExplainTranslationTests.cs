using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary><c>calicoctl explain</c> of what hosts rewrite: published ports, and the source of what leaves its pool.</summary>
[TestFixture, Parallelizable]
public sealed class ExplainTranslationTests
{
    private const string Root = ResourceKind.Root;

    private CliRun _cli = null!;

    [SetUp]
    public async Task FillAsync()
    {
        _cli = await TwoHosts.FillAsync();
        _cli.Store.Set($"{Root}nodes/n2", """
            {"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n2"},"spec":{"bgp":{"ipv4Address":"192.0.2.2/24"}}}
            """);
        _cli.Store.Set($"{Root}workloadendpoints/default/n2-cni-app-eth0", """
            {"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3",
            "metadata":{"name":"n2-cni-app-eth0","namespace":"default","labels":{"role":"app"}},
            "spec":{"orchestrator":"cni","workload":"app","node":"n2","endpoint":"eth0",
            "interfaceName":"caliapp","ipNetworks":["10.0.9.1/32"],"profiles":["app"],
            "ports":[{"protocol":"TCP","port":80,"hostPort":8080},{"protocol":"UDP","port":53,"hostPort":5353,"hostIP":"198.51.100.9"}]}}
            """);
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: app}
            spec: {ingress: [{action: Allow, protocol: TCP, source: {nets: [192.0.2.0/24]}, destination: {ports: [80]}}], egress: [{action: Allow}]}
            """);
    }

    [Test]
    public async Task A_published_port_is_translated_and_forwarded()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: before}
            spec:
              selector: has(host)
              order: 1
              preDNAT: true
              applyOnForward: true
              ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}]
            ---
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: through}
            spec:
              selector: has(host)
              order: 2
              applyOnForward: true
              types: [Ingress]
              ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]
            """);
        await _cli.ExplainAsync("192.0.2.200", "192.0.2.2", "--port", "8080");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            ALLOWED  192.0.2.200 -> app 10.0.9.1
              host n2 192.0.2.2 port 8080: translated to app 10.0.9.1:80 (published port)
              host n2 the interface with 192.0.2.2 ingress, before destination NAT: HostEndpoint(two)
                tier default: GlobalNetworkPolicy(before)
                  GlobalNetworkPolicy(before) rule 0: Deny protocol 6 to ports 80  no: destination port 8080 is none of its ports
                no policy decides: it goes on
              host n2 the interface with 192.0.2.2 ingress, forwarded: HostEndpoint(two)
                tier default: GlobalNetworkPolicy(through)
                  GlobalNetworkPolicy(through) rule 0: Allow protocol 6 to ports 80  <-- allowed here
              app 10.0.9.1 ingress
                profile app
                  Profile(app) rule 0: Allow ip4 protocol 6 from nets 192.0.2.0/24 to ports 80  <-- allowed here
            """));
    }

    [TestCase("192.0.2.2", "8080", "udp")]
    [TestCase("192.0.2.2", "5353", "udp")]
    [TestCase("192.0.2.2", "80", "tcp")]
    [TestCase("192.0.2.1", "8080", "tcp")]
    public async Task Another_address_port_protocol_or_node_is_not_translated(string to, string port, string protocol)
    {
        await _cli.ExplainAsync("192.0.2.200", to, "--port", port, "--proto", protocol);
        Assert.That(_cli.Output, Does.Not.Contain("published port").And.Contain($"-> host n{to[^1]}").Or.Contain($"host n{to[^1]} "));
        Assert.That(_cli.Output, Does.Not.Contain("app"));
    }

    [Test]
    public async Task A_workload_of_another_node_is_judged_before_the_translation_and_one_of_the_same_after_it()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: blue}
            spec: {egress: [{action: Allow, protocol: TCP, destination: {ports: [8080]}}]}
            ---
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: app}
            spec: {ingress: [{action: Allow}], egress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]}
            """);
        await _cli.ExplainAsync("web", "node/n2", "--port", "8080", "--in-interface", "eth9");
        Assert.That(_cli.Lines(), Does.StartWith("ALLOWED  web 10.0.0.1 -> app 10.0.9.1\n")
            .And.Contain("Profile(blue) rule 0: Allow protocol 6 to ports 8080  <-- allowed here"));
        await _cli.ExplainAsync("app", "node/n2", "--port", "8080");
        Assert.That(_cli.Lines(), Does.StartWith("ALLOWED  app 10.0.9.1 -> app 10.0.9.1\n")
            .And.Contain("Profile(app) rule 0: Allow protocol 6 to ports 80  <-- allowed here").And.Not.Contain("HostEndpoint(two)"));
    }

    [Test]
    public async Task What_is_not_tracked_is_not_translated()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: fast}
            spec: {order: 1, selector: has(host), doNotTrack: true, applyOnForward: true, types: [Ingress], ingress: [{action: Allow}]}
            """);
        await _cli.ExplainAsync("192.0.2.200", "192.0.2.2", "--port", "8080");
        Assert.That(_cli.Lines(), Does.StartWith("DENIED at host n2 the interface with 192.0.2.2's ingress, untracked: "
            + "what is not tracked is not translated: the host itself gets it\n"));
    }

    [Test]
    public async Task What_leaves_a_pool_with_natOutgoing_comes_from_its_nodes_address()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: inner}
            spec: {cidr: 10.0.0.0/24, natOutgoing: true}
            """);
        await _cli.ExplainAsync("web", "app", "--port", "80");
        Assert.That(_cli.Lines(), Does.StartWith("""
            ALLOWED  web 10.0.0.1 -> app 10.0.9.1
              web 10.0.0.1 leaves its node as 192.0.2.1 (natOutgoing of pool inner)

            """).And.Contain("from nets 192.0.2.0/24 to ports 80  <-- allowed here"));

        // Inside a pool nothing is hidden, and what another node's pool hides is no matter of this one.
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: plain}
            spec: {cidr: 10.0.9.0/24, natOutgoing: false}
            """);
        await _cli.ExplainAsync("web", "app", "--port", "80");
        Assert.That(_cli.Lines(),
            Does.StartWith("DENIED at app 10.0.9.1's ingress: no profile allows it\n").And.Not.Contain("natOutgoing"));
        await _cli.ExplainAsync("app", "192.0.2.1", "--port", "443");
        Assert.That(_cli.Output, Does.Not.Contain("natOutgoing"));
    }

    [Test]
    public async Task Where_the_nodes_address_is_not_known_that_is_said()
    {
        _cli.Store.Set($"{Root}nodes/n1", """{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1"},"spec":{}}""");
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: inner}
            spec: {cidr: 10.0.0.0/24, natOutgoing: true, disabled: true}
            """);
        await _cli.ExplainAsync("web", "app", "--port", "80");
        Assert.That(_cli.Lines(), Does.StartWith("DENIED at app 10.0.9.1's ingress").And.Contain(
            "assumed: web 10.0.0.1 leaves its node as an address of n1 that nobody knows (natOutgoing of pool inner)"));
    }
}
