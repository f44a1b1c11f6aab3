using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture]
public sealed class InUseTests
{
    private const string Root = "/calico/resources/v3/projectcalico.org/";
    private const string LongId = "7f7c44f8b919ad91aaaabbbbccccddddeeeeffff00001111222233334444cd30";

    [Test]
    public async Task A16_a_profile_that_endpoints_name_is_not_deleted()
    {
        var cli = Cluster();

        Assert.That(await cli.RunAsync("", "delete", "profile", "blue"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("Failed to delete 'Profile' resource: Profile(blue) is in use by 2 endpoints: web, shop/pod-1; "
            + "deleting it drops all their traffic.\n  see: calicoctl get wep -A -o wide\n  to delete it all the same: --force\n"));
        Assert.That(cli.Output, Is.Empty);
        Assert.That(cli.Store.Snapshot($"{Root}profiles/blue"), Has.Length.EqualTo(1));

        Assert.That(await cli.RunAsync("", "delete", "profile", "unused"), Is.Zero, cli.Error);
        Assert.That(await cli.RunAsync("", "delete", "profile", "blue", "--force"), Is.Zero, cli.Error);
        Assert.That(cli.Store.Snapshot($"{Root}profiles/"), Is.Empty);
    }

    [Test]
    public async Task A_file_is_deleted_from_its_end_so_that_a_tier_outlives_its_policies()
    {
        const string Both = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: front}\nspec: {order: 1}\n---\n"
            + "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: front.p}\nspec: {tier: front}\n";
        var cli = Cluster();
        Assert.That(await cli.RunAsync(Both, "apply", "-f", "-"), Is.Zero, cli.Error);
        Assert.That(await cli.RunAsync(Both, "delete", "-f", "-"), Is.Zero, cli.Error);
        Assert.That(cli.Store.Snapshot($"{Root}tiers/front"), Is.Empty);
    }

    [Test]
    public async Task A16_a_dry_run_of_a_deletion_says_that_it_would_be_refused()
    {
        var cli = Cluster();

        Assert.That(await cli.RunAsync("", "delete", "profile", "blue", "--dry-run"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("is in use by 2 endpoints"));
    }

    [Test]
    public async Task A16_a_pool_with_live_addresses_is_not_deleted()
    {
        var cli = Cluster();

        Assert.That(await cli.RunAsync("", "delete", "ippool", "p"), Is.EqualTo(1));
        Assert.That(cli.Error,
            Does.Contain("IPPool(p) is in use by 3 addresses: 10.0.0.1 (web), 10.0.0.2 (shop/pod-1), 10.0.0.3 (handle h3); "
            + "deleting it lets them be given out again while they are in use.\n").And.Contain("\"disabled\":true"));
        Assert.That(cli.Store.Snapshot($"{Root}ippools/").Single().Value.ToArray(), Is.EqualTo(System.Text.Encoding.UTF8.GetBytes(Pool)),
            "not even disabled");
    }

    [Test]
    public async Task A16_a_pool_whose_addresses_are_only_parked_is_deleted()
    {
        var cli = new CliRun();
        cli.Store.Set($"{Root}ippools/p", Pool);
        Block(cli, """{"handle_id":"parked.n1","secondary":{"node":"n1"}}""", "null,0,null,null", "0,2,3");

        Assert.That(await cli.RunAsync("", "delete", "ippool", "p"), Is.Zero, cli.Error);
    }

    [Test]
    public async Task A16_a_node_with_endpoints_or_settings_is_not_deleted()
    {
        var cli = Cluster();

        Assert.That(await cli.RunAsync("", "delete", "node", "n1"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("Node(n1) is in use by 3 things: web, shop/pod-1, BGPPeer(tor); "));
        Assert.That(cli.Store.Snapshot($"{Root}nodes/n1"), Has.Length.EqualTo(1));
        Assert.That(cli.Store.Snapshot($"{Root}workloadendpoints/"), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task A16_the_node_that_runs_here_is_not_deleted()
    {
        await using var host = new FakeHost().With("/status", """{"node":"n2","version":"0.1.0","ready":true}""")
            .With("/endpoints", "[]").Start();
        var cli = new CliRun { HostSocket = host.Socket };
        cli.Store.Set($"{Root}nodes/n2", Stored("Node", "n2", "{}"));

        Assert.That(await cli.RunAsync("", "delete", "node", "n2"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("the calico-host that runs on this machine as n2"));
    }

    [Test]
    public async Task A16_a_filter_that_peers_name_and_a_tier_with_policies_are_not_deleted()
    {
        var cli = Cluster();

        Assert.That(await cli.RunAsync("", "delete", "bgpfilter", "f"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("BGPFilter(f) is in use by 1 BGP peer: BGPPeer(tor)"));

        Assert.That(await cli.RunAsync("", "delete", "tier", "t"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("Tier(t) is in use by 1 policy: GlobalNetworkPolicy(t.deny)").And.Not.Contain("--force"));
        Assert.That(await cli.RunAsync("", "delete", "tier", "t", "--force"), Is.EqualTo(1), "upstream's rule, which nothing overrides");
        Assert.That(cli.Error, Does.Contain("Cannot delete a non-empty tier"));
    }

    [Test]
    public async Task A16_an_endpoint_that_lives_on_this_node_is_not_deleted()
    {
        await using var host = new FakeHost().With("/status", """{"node":"n1","version":"0.1.0","ready":true}""")
            .With("/endpoints", $$"""[{"id":"cni/{{LongId}}/eth0","state":"Enforced"}]""").Start();
        var cli = Cluster(host.Socket);

        Assert.That(await cli.RunAsync("", "delete", "wep", "web"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("is in use by 1 running workload"));
        Assert.That(await cli.RunAsync("", "delete", "wep", "-n", "shop", "10.0.0.2"), Is.Zero, cli.Error);
    }

    [Test]
    public async Task A16_what_goes_in_the_same_run_uses_nothing()
    {
        var cli = Cluster();
        var profile = "apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: blue}\n";
        var input = string.Join("---\n", profile, EndpointYaml("default", LongId, "10.0.0.1"), EndpointYaml("shop", "pod-1", "10.0.0.2"));

        Assert.That(await cli.RunAsync(input, "delete", "-f", "-"), Is.Zero, cli.Error);
        Assert.That(cli.Store.Snapshot($"{Root}workloadendpoints/"), Is.Empty);
    }

    [TestCase("web")]
    [TestCase("7f7c44f8")]
    [TestCase("10.0.0.1")]
    [TestCase("n1-cni-" + LongId + "-eth0")]
    public async Task C11_an_endpoint_is_named_by_name_short_id_or_address(string name)
    {
        var cli = Cluster();

        Assert.That(await cli.RunAsync("", "label", "wep", name, "a=b"), Is.Zero, cli.Error);
        Assert.That(await cli.RunAsync("", "get", "wep", name, "-o", "yaml"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.Contain("    a: b\n").And.Contain(LongId));
    }

    [Test]
    public async Task C11_a_short_form_that_fits_two_endpoints_is_refused()
    {
        var cli = Cluster();
        cli.Store.Set($"{Root}workloadendpoints/other/n1-cni-{LongId}-eth0", Endpoint("other", LongId, "10.0.0.3", "web"));

        Assert.That(await cli.RunAsync("", "delete", "wep", "web"), Is.EqualTo(1));
        Assert.That(cli.Error,
            Does.StartWith($"'web' is more than one endpoint: WorkloadEndpoint(default/n1-cni-{LongId}-eth0), WorkloadEndpoint(other/"));
        Assert.That(cli.Store.Snapshot($"{Root}workloadendpoints/"), Has.Length.EqualTo(3));
    }

    private const string Pool =
        """{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"cidr":"10.0.0.0/24","blockSize":30}}""";

    private static CliRun Cluster(string socket = "/nonexistent/host.sock")
    {
        var cli = new CliRun { HostSocket = socket };
        cli.Store.Set($"{Root}ippools/p", Pool);
        cli.Store.Set($"{Root}nodes/n1", Stored("Node", "n1", "{}"));
        cli.Store.Set($"{Root}profiles/blue", Stored("Profile", "blue", "{}"));
        cli.Store.Set($"{Root}profiles/unused", Stored("Profile", "unused", "{}"));
        cli.Store.Set($"{Root}bgppeers/tor",
            Stored("BGPPeer", "tor", """{"node":"n1","peerIP":"192.0.2.1","asNumber":64500,"filters":["f"]}"""));
        cli.Store.Set($"{Root}bgpfilters/f", Stored("BGPFilter", "f", "{}"));
        cli.Store.Set($"{Root}tiers/t", Stored("Tier", "t", """{"order":1}"""));
        cli.Store.Set($"{Root}globalnetworkpolicies/t.deny", Stored("GlobalNetworkPolicy", "t.deny", """{"tier":"t"}"""));
        cli.Store.Set($"{Root}workloadendpoints/default/n1-cni-{LongId}-eth0", Endpoint("default", LongId, "10.0.0.1", "web"));
        cli.Store.Set($"{Root}workloadendpoints/shop/n1-k8s-pod--1-eth0", Endpoint("shop", "pod-1", "10.0.0.2", null));
        Block(cli, """{"handle_id":"h1","secondary":{}},{"handle_id":"h2","secondary":{}},{"handle_id":"h3","secondary":{}}""",
            "null,0,1,2", "0");
        return cli;
    }

    private static void Block(CliRun cli, string attributes, string allocations, string free) =>
        cli.Store.Set("/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30",
            $$"""{"cidr":"10.0.0.0/30","affinity":"host:n1","allocations":[{{allocations}}],"unallocated":[{{free}}],"attributes":[{{attributes}}],"deleted":false}""");

    private static string Stored(string kind, string name, string spec) =>
        $$$"""{"kind":"{{{kind}}}","apiVersion":"projectcalico.org/v3","metadata":{"name":"{{{name}}}","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{{{spec}}}}""";

    private static string Endpoint(string space, string workload, string address, string? name) =>
        $$$"""{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"{{{NameOf(workload)}}}","namespace":"{{{space}}}","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"{{{(
            name is null ? "" : $",\"annotations\":{{\"{WorkloadEndpointSpec.NameAnnotation}\":\"{name}\"}}")}}}},"spec":{{{Spec(workload, address)}}}}""";

    private static string EndpointYaml(string space, string workload, string address) =>
        $"apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\nmetadata: {{name: {NameOf(workload)}, namespace: {space}}}\nspec: {Spec(workload, address)}\n";

    private static string NameOf(string workload) =>
        workload == LongId ? $"n1-cni-{workload}-eth0" : $"n1-k8s-{workload.Replace("-", "--", StringComparison.Ordinal)}-eth0";

    private static string Spec(string workload, string address)
    {
        var id = workload == LongId ? $"\"orchestrator\":\"cni\",\"workload\":\"{workload}\",\"containerID\":\"{workload}\""
            : $"\"orchestrator\":\"k8s\",\"pod\":\"{workload}\",\"containerID\":\"c1\"";
        return $"{{{id},\"node\":\"n1\",\"endpoint\":\"eth0\",\"interfaceName\":\"cali1\",\"ipNetworks\":[\"{address}/32\"],\"profiles\":[\"blue\"]}}";
    }
}
