using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture]
public sealed class IpamCommandTests
{
    private const string Pool =
        """{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u"},"spec":{"cidr":"10.0.0.0/24","blockSize":30}}""";

    [Test]
    public async Task Who_tells_the_store_apart_from_the_node()
    {
        await using var host = new FakeHost()
            .With("/leases", """[{"address":"10.0.0.1","handle":"h1","purpose":"Endpoint","adapter":"cni","owner":"","boundTo":"cni/w1/eth0","since":"2026-01-02T03:04:05+00:00"}]""")
            .With("/endpoints", """[{"id":"cni/w1/eth0","adapter":"cni","network":"blue","hostInterface":"cali1","addresses":["10.0.0.1/32"],"state":"Enforced","reason":""}]""")
            .Start();
        var cli = Cluster(host.Socket);

        Assert.That(await cli.RunAsync("", "ipam", "who", "10.0.0.1"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "10.0.0.1 in block 10.0.0.0/30 (host:node1) is assigned to handle 'h1' on node node1 since 2026-01-02 03:04:05 UTC "
            + "(adapter=cni, bound=cni/w1/eth0, purpose=Endpoint). It is the address of WorkloadEndpoint "
            + "default/node1-cni-w1-eth0 on node node1. "
            + "On this node adapter cni holds it (Endpoint); endpoint cni/w1/eth0 is here on cali1, Enforced.\n"));
    }

    [Test]
    public async Task Who_says_that_the_endpoint_is_gone()
    {
        await using var host = new FakeHost()
            .With("/leases", """[{"address":"10.0.0.1","purpose":"Endpoint","adapter":"cni","boundTo":"cni/w1/eth0"}]""")
            .With("/endpoints", "[]").Start();
        var cli = Cluster(host.Socket);

        Assert.That(await cli.RunAsync("", "ipam", "who", "10.0.0.1"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.EndWith("endpoint cni/w1/eth0, which it is bound to, is not here any more.\n"));
    }

    [Test]
    public async Task Who_works_without_a_host()
    {
        var cli = Cluster("/nonexistent/host.sock");

        Assert.That(await cli.RunAsync("", "ipam", "who", "10.0.0.3"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo("10.0.0.3 is not assigned. In the datastore no endpoint or tunnel has it. "
            + "This node was not asked: calico-host is not running: there is no socket /nonexistent/host.sock; start it.\n"));
    }

    [Test]
    public async Task Check_is_content_when_all_agree_and_counts_endpoints_of_every_node()
    {
        await using var host = new FakeHost().With("/audit", "[]").Start();
        var cli = Cluster(host.Socket);

        Assert.That(await cli.RunAsync("", "ipam", "check", "--compat", "--show-problem-ips"), Is.Zero, cli.Output + cli.Error);
        Assert.That(cli.Output, Does.Contain("Found 2 workload IPs.\n").And.Contain("Asking this node's host...\n").And
            .EndWith("Check complete; found 0 problems.\n"));
    }

    [Test]
    public async Task Check_counts_what_the_host_finds()
    {
        await using var host = new FakeHost().With("/audit", """["interface cali9: no endpoint of this node has it"]""").Start();
        var cli = Cluster(host.Socket);

        Assert.That(await cli.RunAsync("", "ipam", "check", "--compat"), Is.EqualTo(1));
        Assert.That(cli.Output,
            Does.Contain("  interface cali9: no endpoint of this node has it\n").And.EndWith("Check complete; found 1 problems.\n"));
    }

    [Test]
    public async Task Check_without_a_host_checks_the_store()
    {
        var cli = Cluster("/nonexistent/host.sock");
        Assert.That(await cli.RunAsync("", "ipam", "check", "--compat"), Is.Zero, cli.Output);
        Assert.That(cli.Output, Does.Contain("Only the datastore was checked: calico-host is not running: "));

        foreach (var endpoint in cli.Store.Snapshot("/calico/resources/v3/projectcalico.org/workloadendpoints/")
            .Select(item => item.Key).ToArray())
        {
            cli.Store.Remove(endpoint);
        }

        Assert.That(await cli.RunAsync("", "ipam", "check", "--compat", "--show-problem-ips"), Is.EqualTo(1));
        Assert.That(cli.Output, Does.Contain("  10.0.0.1: bound to cni/w1/eth0, which is not known\n").And
            .Contain("  10.0.0.2: handle \"h2\" has it and nothing uses it\n")
            .And.Contain("Found 2 IPs that are allocated in IPAM but not actually in use.\n").And
            .EndWith("Check complete; found 2 problems.\n"));
    }

    [Test]
    public async Task Check_names_the_endpoint_that_uses_what_is_bound_to_another()
    {
        var cli = Cluster("/nonexistent/host.sock");
        cli.Store.Remove("/calico/resources/v3/projectcalico.org/workloadendpoints/default/node1-cni-w1-eth0");
        Endpoint(cli, "default", "node1", "w9", "10.0.0.1");

        Assert.That(await cli.RunAsync("", "ipam", "check", "--compat", "--show-problem-ips"), Is.EqualTo(1));
        Assert.That(cli.Output,
            Does.Contain("  10.0.0.1: bound to cni/w1/eth0, used by WorkloadEndpoint default/node1-cni-w9-eth0 on node node1\n")
            .And.Contain("Found 1 IPs that two have, or another than IPAM says.\n"));
    }

    [Test]
    public async Task B6_check_counts_what_a_node_that_is_gone_has_left_whatever_it_is_for()
    {
        var cli = Cluster("/nonexistent/host.sock");
        cli.Store.Remove("/calico/resources/v3/projectcalico.org/nodes/node1");

        Assert.That(await cli.RunAsync("", "ipam", "check"), Is.EqualTo(1));
        Assert.That(cli.Output, Does.StartWith("1 problem in 1 pool")
            .And.Contain("  10.0.0.0         handle \"parked.node1\" (reserve) has it on node node1, which does not exist\n"));
    }

    [Test]
    public async Task B7_a_release_of_an_address_in_use_is_refused_with_its_owner_unless_it_is_forced()
    {
        var cli = Cluster("/nonexistent/host.sock");

        Assert.That(await cli.RunAsync("", "ipam", "release", "--ip=10.0.0.1"), Is.Not.Zero);
        Assert.That(cli.Error + cli.Output,
            Does.Contain("10.0.0.1 is in use by WorkloadEndpoint default/node1-cni-w1-eth0 on node node1").And.Contain("--force"));
        Assert.That(await cli.RunAsync("", "ipam", "who", "10.0.0.1"), Is.Zero);
        Assert.That(cli.Output, Does.Contain("is assigned to handle 'h1'"));

        Assert.That(await cli.RunAsync("", "ipam", "release", "--ip=10.0.0.1", "--force"), Is.Zero, cli.Error);
        Assert.That(await cli.RunAsync("", "ipam", "release", "--ip=10.0.0.0"), Is.Zero, cli.Error);
    }

    [Test]
    public async Task B7_a_lease_of_a_node_whose_host_runs_is_in_use_although_no_endpoint_shows_it()
    {
        var cli = Cluster("/nonexistent/host.sock");
        cli.Store.Remove("/calico/resources/v3/projectcalico.org/workloadendpoints/default/node1-cni-w1-eth0");
        cli.Store.Set("/calico/net/v1/heartbeat/node1", "machine1");

        Assert.That(await cli.RunAsync("", "ipam", "release", "--ip=10.0.0.1"), Is.Not.Zero);
        Assert.That(cli.Error + cli.Output,
            Does.Contain("adapter cni on node node1, whose host runs (handle \"h1\", Endpoint, bound to cni/w1/eth0)"));
        cli.Store.Remove("/calico/net/v1/heartbeat/node1");
        Assert.That(await cli.RunAsync("", "ipam", "release", "--ip=10.0.0.1"), Is.Zero, cli.Error);
    }

    /// <summary>One block with an address of ours on node1, one of upstream's that node2 borrows, and one that is parked on purpose.
    /// </summary>
    private static CliRun Cluster(string socket)
    {
        var cli = new CliRun { HostSocket = socket };
        cli.Store.Set("/calico/resources/v3/projectcalico.org/ippools/p", Pool);
        foreach (var node in (string[])["node1", "node2"])
        {
            cli.Store.Set($"/calico/resources/v3/projectcalico.org/nodes/{node}",
                $$$"""{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"{{{node}}}","uid":"u"},"spec":{}}""");
        }

        cli.Store.Set("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30", """
            {"cidr":"10.0.0.0/30","affinity":"host:node1","allocations":[2,0,1,null],"unallocated":[3],"attributes":[
              {"handle_id":"h1","secondary":{"node":"node1","timestamp":"2026-01-02 03:04:05.0000000 +0000 UTC","purpose":"Endpoint","adapter":"cni","bound":"cni/w1/eth0"}},
              {"handle_id":"h2","secondary":{"node":"node2","pod":"web","namespace":"shop"}},
              {"handle_id":"parked.node1","secondary":{"node":"node1"}}],"deleted":false}
            """);
        cli.Store.Set("/calico/ipam/v2/host/node1/ipv4/block/10.0.0.0-30", """{"state":"confirmed"}""");
        foreach (var handle in (string[])["h1", "h2", "parked.node1"])
        {
            cli.Store.Set($"/calico/ipam/v2/handle/{handle}", $$"""{"handleID":"{{handle}}","block":{"10.0.0.0/30":1},"deleted":false}""");
        }

        Endpoint(cli, "default", "node1", "w1", "10.0.0.1");
        Endpoint(cli, "shop", "node2", "w2", "10.0.0.2");
        return cli;
    }

    private static void Endpoint(CliRun cli, string space, string node, string workload, string address)
    {
        var name = $"{node}-cni-{workload}-eth0";
        cli.Store.Set($"/calico/resources/v3/projectcalico.org/workloadendpoints/{space}/{name}",
            $$$"""{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"{{{name}}}","namespace":"{{{space}}}","uid":"u"},"spec":{"orchestrator":"cni","workload":"{{{workload}}}","node":"{{{node}}}","endpoint":"eth0","interfaceName":"cali{{{workload}}}","ipNetworks":["{{{address}}}/32"]}}""");
    }
}
