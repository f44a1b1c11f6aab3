using System.Text.Json;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary>Who the ends of <c>calicoctl explain</c> are, and which interfaces of their hosts are passed.</summary>
[TestFixture, Parallelizable]
public sealed class ExplainEndsTests
{
    private CliRun _cli = null!;

    [SetUp]
    public async Task FillAsync() => _cli = await TwoHosts.FillAsync();

    [Test]
    public async Task This_machines_host_says_which_interface_has_the_address()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: rest}
            spec: {node: n1, interfaceName: "*"}
            """);
        await using var host = new FakeHost().With("/interfaces", """
            {"node":"n1","interfaces":[{"name":"eth0","addresses":["198.51.100.1"]},{"name":"wan","addresses":["192.0.2.1"]}]}
            """).Start();
        _cli.HostSocket = host.Socket;
        await _cli.ExplainAsync("192.0.2.200", "192.0.2.1", "--port", "80");
        Assert.That(_cli.Output, Does.StartWith("DENIED at host n1 wan's ingress: no profile allows it").And.Not.Contain("assumed"));
        await _cli.ExplainAsync("192.0.2.200", "one", "--port", "443");
        Assert.That(_cli.Output, Does.StartWith("ALLOWED  192.0.2.200 -> host n1 198.51.100.1"));
    }

    [Test]
    public async Task A_node_is_its_only_host_endpoint_or_where_there_are_several_its_own_address()
    {
        await using var host = new FakeHost().With("/interfaces", """
            {"node":"n1","interfaces":[{"name":"eth0","addresses":["198.51.100.1"]},{"name":"wan","addresses":["192.0.2.1"]}]}
            """).Start();
        _cli.HostSocket = host.Socket;
        await _cli.ExplainAsync("192.0.2.200", "node/n1", "--port", "443");
        Assert.That(_cli.Lines(),
            Does.StartWith("ALLOWED  192.0.2.200 -> host n1 198.51.100.1\n  host n1 eth0 ingress: HostEndpoint(one)\n"));
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: rest}
            spec: {node: n1, interfaceName: "*"}
            """);
        await _cli.ExplainAsync("192.0.2.200", "node/n1", "--port", "443");
        Assert.That(_cli.Lines(), Does.StartWith("DENIED at host n1 wan's ingress: no profile allows it\n"
            + "  assumed: node n1 is taken by its address 192.0.2.1, of its host endpoints (rest, one); hostendpoint/NAME says one\n"));
        await _cli.ExplainAsync("192.0.2.200", "web", "--port", "443");
        Assert.That(_cli.Lines(),
            Does.Contain("\n  assumed: the packet passes host n1 by wan, which has the node's address; --in-interface says"));
        await _cli.ExplainAsync("192.0.2.200", "hostendpoint/rest", "--port", "443");
        Assert.That(_cli.Lines(),
            Does.StartWith("DENIED at host n1 wan's ingress: no profile allows it\n  host n1 wan ingress: HostEndpoint(rest)\n"));
    }

    [Test]
    public async Task A_host_without_a_host_endpoint_is_not_judged()
    {
        Assert.That(await _cli.RunAsync("", "delete", "hostendpoint", "one"), Is.Zero, _cli.Error);
        await _cli.ExplainAsync("192.0.2.200", "node/n1", "--port", "80");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            ALLOWED  192.0.2.200 -> host n1 192.0.2.1
              host n1: no host endpoint: not judged
            """));
    }

    [Test]
    public async Task Programs_read_who_judges_and_when()
    {
        await _cli.ExplainAsync("shop", "hostendpoint/two", "--port", "80", "-o", "json");
        using var document = JsonDocument.Parse(_cli.Output);
        var places = document.RootElement.GetProperty("directions").EnumerateArray().Select(place =>
            $"{place.GetProperty("direction")} {place.GetProperty("stage")} {place.GetProperty("judge")} {place.GetProperty("node")} "
            + $"{place.GetProperty("interface")} {place.GetProperty("allowed")} {place.GetProperty("decidedBy")}");
        Assert.That(places, Is.EqualTo(new[]
        {
            "egress Normal WorkloadEndpoint(default/n1-cni-shop-eth0)   True Profile(blue) rule 0",
            "ingress Normal HostEndpoint(two) n2 the interface with 192.0.2.2 False end of tier default",
        }));
        Assert.That(document.RootElement.GetProperty("to").GetProperty("node").GetString(), Is.EqualTo("n2"));
        Assert.That(document.RootElement.GetProperty("assumed").GetArrayLength(), Is.EqualTo(1));
    }

    [TestCase("there is no node 'n9'", "node/n9", "web")]
    [TestCase("there is no host endpoint 'three'", "hostendpoint/three", "web")]
    [TestCase("no address of host 'n3' is known: neither its Node nor expectedIPs of a host endpoint say one", "hostendpoint/lost", "web")]
    [TestCase("host endpoint 'shadowed' judges no interface of node 'n1': eth0 is judged by one", "shadowed", "web")]
    [TestCase("--out-interface: '192.0.2.200' is on no host that the store knows of", "192.0.2.200", "web", "--out-interface", "eth0")]
    [TestCase("--in-interface: 'address/0' is no interface's name", "192.0.2.200", "two", "--in-interface", "address/0")]
    [TestCase("--in-interface: '*' is no interface's name", "192.0.2.200", "web", "--in-interface", "*")]
    [TestCase("--in-interface: 'a b' is no interface's name", "192.0.2.200", "web", "--in-interface", "a b")]
    [TestCase("--in-interface: 'sixteen-letters-' is no interface's name", "192.0.2.200", "web", "--in-interface", "sixteen-letters-")]
    [TestCase("--in-interface: '' is no interface's name", "192.0.2.200", "web", "--in-interface", "")]
    [TestCase("--in-interface: no packet from or to others passes lo", "192.0.2.200", "web", "--in-interface", "lo")]
    [TestCase("--out-interface: both ends are on node n1, and no packet between them", "web", "node/n1", "--out-interface", "eth0")]
    public async Task What_cannot_be_asked_is_said(string message, string from, string to, params string[] more)
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: lost}
            spec: {node: n3, interfaceName: eth0}
            ---
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: shadowed}
            spec: {node: n1, interfaceName: eth0}
            """);
        Assert.That(await _cli.RunAsync("", ["explain", "--from", from, "--to", to, "--port", "1", .. more]), Is.EqualTo(1));
        Assert.That(_cli.Error, Does.Contain(message));
        Assert.That(_cli.Output, Is.Empty);
    }
}
