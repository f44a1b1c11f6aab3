using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary>Which host has an address, and by which of its interfaces <c>calicoctl explain</c> lets packets pass.</summary>
[TestFixture, Parallelizable]
public sealed class ExplainPassageTests
{
    private const string Root = ResourceKind.Root;

    private CliRun _cli = null!;

    [SetUp]
    public async Task FillAsync() => _cli = await TwoHosts.FillAsync();

    [Test]
    public async Task An_interface_that_the_host_has_not_is_refused_and_one_that_nobody_was_asked_of_is_assumed()
    {
        await _cli.ExplainAsync("192.0.2.200", "web", "--port", "80", "--in-interface", "eht0");
        Assert.That(_cli.Lines(), Does.Contain("  assumed: host n1 has an interface eht0: neither it nor a host endpoint says so\n"));
        await _cli.ExplainAsync("192.0.2.200", "web", "--port", "80", "--in-interface", "eth0");
        Assert.That(_cli.Lines(), Does.Not.Contain("assumed"));

        await using var host = new FakeHost().With("/interfaces", """
            {"node":"n1","interfaces":[{"name":"wan","addresses":["192.0.2.1"]},{"name":"lan","addresses":[]}]}
            """).Start();
        _cli.HostSocket = host.Socket;
        Assert.That(await _cli.RunAsync("", "explain", "--from", "192.0.2.200", "--to", "web", "--port", "80", "--in-interface", "eht0"),
            Is.EqualTo(1));
        Assert.That(_cli.Error, Does.Contain("--in-interface: host n1 has no interface 'eht0' that is no workload's; it has lan, wan"));
        foreach (var known in new[] { "lan", "eth0" })
        {
            await _cli.ExplainAsync("192.0.2.200", "web", "--port", "80", "--in-interface", known);
            Assert.That(_cli.Lines(), Does.Not.Contain("assumed"));
        }
    }

    [Test]
    public async Task Loopback_is_judged_where_a_host_endpoint_names_it_and_only_of_what_a_host_sends_itself()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: rest}
            spec: {node: n1, interfaceName: "*"}
            """);
        await _cli.ExplainAsync("node/n1", "192.0.2.1", "--port", "80");
        Assert.That(_cli.Lines(), Does.EndWith("  a host's connections to itself are judged by no policy"));
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: inner, labels: {host: ""}}
            spec: {node: n1, interfaceName: lo}
            """);
        await _cli.ExplainAsync("192.0.2.1", "192.0.2.1", "--port", "443");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            ALLOWED  host n1 192.0.2.1 -> host n1 192.0.2.1
              host n1 lo egress: HostEndpoint(inner)
                tier default: GlobalNetworkPolicy(hosts)
                  GlobalNetworkPolicy(hosts) rule 0: Allow any  <-- allowed here
              host n1 lo ingress: HostEndpoint(inner)
                tier default: GlobalNetworkPolicy(hosts)
                  GlobalNetworkPolicy(hosts) rule 0: Allow protocol 6 to ports 443  <-- allowed here
            """));
        await _cli.ExplainAsync("192.0.2.1", "192.0.2.1", "--port", "80");
        Assert.That(_cli.Output, Does.StartWith("DENIED at host n1 lo's ingress: end of tier default"));

        // Others' packets never pass it, also where it has the node's address.
        await using var host = new FakeHost().With("/interfaces", """
            {"node":"n1","interfaces":[{"name":"lo","addresses":["192.0.2.1"]},{"name":"eth0","addresses":["198.51.100.1"]}]}
            """).Start();
        _cli.HostSocket = host.Socket;
        await _cli.ExplainAsync("192.0.2.200", "192.0.2.1", "--port", "443");
        Assert.That(_cli.Lines(),
            Does.Not.Contain(" lo ").And.Contain("assumed: the packet passes host n1 by any other interface, one of 2"));
        Assert.That(await _cli.RunAsync("", "explain", "--from", "192.0.2.200", "--to", "inner", "--port", "443"), Is.EqualTo(1));
        Assert.That(_cli.Error, Does.Contain("host endpoint 'inner' judges lo alone, which no packet from or to others passes"));
    }

    [Test]
    public async Task An_address_of_a_workload_of_another_namespace_is_that_workload()
    {
        await _cli.ExplainAsync("10.0.0.2", "10.0.0.1", "--port", "80", "-n", "elsewhere");
        Assert.That(_cli.Lines(), Does.StartWith("ALLOWED  shop 10.0.0.2 -> web 10.0.0.1\n"));
        await _cli.ExplainAsync("10.0.0.9", "10.0.0.1", "--port", "80", "-n", "elsewhere");
        Assert.That(_cli.Lines(), Does.StartWith("DENIED at web 10.0.0.1's ingress"));
    }

    [TestCase("203.0.113.1")]
    [TestCase("10.9.0.1")]
    [TestCase("10.9.0.2")]
    [TestCase("10.9.0.3")]
    [TestCase("2001:db8::9")]
    public async Task Addresses_of_interfaces_and_tunnels_are_their_nodes(string address)
    {
        _cli.Store.Set($"{Root}nodes/n2", """
            {"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n2"},"spec":{"bgp":{"ipv4Address":"192.0.2.2/24",
            "ipv4IPIPTunnelAddr":"10.9.0.1"},"ipv4VXLANTunnelAddr":"10.9.0.2","wireguard":{"interfaceIPv4Address":"10.9.0.3"},
            "interfaces":[{"name":"lan","addresses":["203.0.113.1/24","2001:db8::9/64"]}]}}
            """);
        var from = address.Contains(':') ? "2001:db8::200" : "192.0.2.200";
        await _cli.ExplainAsync(from, address, "--port", "443");
        Assert.That(_cli.Lines(), Does.StartWith($"ALLOWED  {from} -> host n2 {address}\n"));
    }

    [Test]
    public async Task What_this_machines_host_says_of_its_addresses_counts()
    {
        await using var host = new FakeHost().With("/interfaces", """
            {"node":"n1","interfaces":[{"name":"lo","addresses":["127.0.0.1"]},{"name":"lan","addresses":["203.0.113.5"]}]}
            """).Start();
        _cli.HostSocket = host.Socket;
        await _cli.ExplainAsync("192.0.2.200", "203.0.113.5", "--port", "80");
        Assert.That(_cli.Lines(), Does.StartWith("ALLOWED  192.0.2.200 -> host n1 203.0.113.5\n  host n1: no host endpoint judges lan"));
        await _cli.ExplainAsync("192.0.2.200", "127.0.0.1", "--port", "80");
        Assert.That(_cli.Lines(), Does.StartWith("ALLOWED  192.0.2.200 -> 127.0.0.1\n"));
    }

    [Test]
    public async Task A_node_that_cannot_be_read_is_said_to_be()
    {
        _cli.Store.Set($"{Root}nodes/n4", """
            {"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n4"},
            "spec":{"bgp":{"ipv4Address":"192.0.2.4/24"},"addresses":"none"}}
            """);
        await _cli.ExplainAsync("web", "192.0.2.99", "--port", "80", "--out-interface", "eth0");
        Assert.That(_cli.Lines(), Does.Match("  assumed: 192.0.2.99 is outside; Node n4, which cannot be read \\(.+\\), may have it\n"));
    }

    [Test]
    public async Task Whether_an_address_is_on_an_interface_that_another_host_endpoint_names_is_assumed()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: by-address}
            spec: {node: n1, expectedIPs: [192.0.2.1]}
            """);
        const string doubt = "  assumed: host n1 does not say its addresses: that of by-address is taken to be "
            + "on another interface than eth0\n";
        await _cli.ExplainAsync("192.0.2.200", "192.0.2.1", "--port", "80");
        Assert.That(_cli.Lines(), Does.Contain(doubt));
        await using var host = new FakeHost()
            .With("/interfaces", """{"node":"n1","interfaces":[{"name":"eth0","addresses":["192.0.2.1"]}]}""").Start();
        _cli.HostSocket = host.Socket;
        await _cli.ExplainAsync("192.0.2.200", "192.0.2.1", "--port", "80");
        Assert.That(_cli.Lines(), Does.Not.Contain("assumed").And.Contain("HostEndpoint(by-address)"));
    }
}
