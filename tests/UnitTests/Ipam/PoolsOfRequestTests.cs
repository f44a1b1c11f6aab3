using System.Collections.Immutable;
using Calico.Ipam;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Which pools serve a request, and what is said where none does.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PoolsOfRequestTests
{
    private readonly SteppedTime _time = new();

    [Test]
    public async Task Pools_that_are_named_are_of_the_family_and_enabled()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30).Pool("10.1.0.0/28", 30, ""","disabled":true""").Pool("fd00::/120",
            122).Node("a");
        Assert.That(await RefusalAsync(cluster, Request("a", 1) with { Pools4 = ["pool-fd00..-120"] }),
            Is.EqualTo((Problem.Invalid, "provided IPv4 IPPools list contains one or more IPv6 IPPools")));
        Assert.That(await RefusalAsync(cluster, Request("a", 1) with { Pools4 = ["fd01::/120"] }),
            Is.EqualTo((Problem.Invalid, "provided IPv4 IPPools list contains one or more IPv6 IPPools")));
        Assert.That(await RefusalAsync(cluster, Request("a", 0) with { Ipv6 = 1, Pools6 = ["10.0.0.0/28"] }),
            Is.EqualTo((Problem.Invalid, "provided IPv6 IPPools list contains one or more IPv4 IPPools")));
        Assert.That((await RefusalAsync(cluster, Request("a", 1) with { Pools4 = ["pool-10.1.0.0-28"] })).Problem,
            Is.EqualTo(Problem.NotFound));
        Assert.That((await AssignAsync(cluster, Request("a", 1) with { Pools4 = ["pool-10.0.0.0-28"], Pools6 =
            ["10.0.0.0/28"] })).Addresses, Has.Length.EqualTo(1), "the other family's list is not asked");
    }

    [Test]
    public async Task Without_a_pool_for_it_a_request_says_which_kind_is_missing()
    {
        var cluster = Create(_time).Node("a");
        Assert.That(await RefusalAsync(cluster, Request("a", 1)), Is.EqualTo((Problem.NotFound, "no configured Calico pools for node a")));
        cluster.Pool("10.1.0.0/28", 30, ""","disabled":true""").Pool("fd00::/120", 122);
        Assert.That((await RefusalAsync(cluster, Request("a", 1))).Message, Is.EqualTo("no configured Calico pools for node a"));
        cluster.Pool("10.0.0.0/28", 30, ""","nodeSelector":"has(never)" """);
        Assert.That((await RefusalAsync(cluster, Request("a", 1))).Message, Is.EqualTo("cannot find a qualified ippool"));
        cluster.Pool("10.2.0.0/28", 30, ""","allowedUses":["Tunnel"]""");
        Assert.That((await RefusalAsync(cluster, Request("a", 1))).Message,
            Is.EqualTo("cannot find a qualified ippool, no pools match the required use (Workload)"));
        Assert.That((await RefusalAsync(cluster, Request("a", 1) with { Use = IntendedUse.Unspecified })),
            Is.EqualTo((Problem.Invalid, "must specify the intended use when assigning an IP")));
        Assert.That(await RefusalAsync(cluster, Request("x", 1)), Is.EqualTo((Problem.NotFound, "resource does not exist: Node(x)")));
    }

    [Test]
    public async Task Load_balancer_addresses_belong_to_no_node()
    {
        var cluster = Create(_time).Pool("10.0.0.0/28", 30, ""","allowedUses":["LoadBalancer"]""");
        Assert.That((await AssignAsync(cluster, Request("nowhere", 1) with { Use = IntendedUse.LoadBalancer })).Addresses,
            Has.Length.EqualTo(1));
        Assert.That(cluster.Blocks().Single().Affinity, Is.EqualTo("virtual:load-balancer"));
    }

    [Test]
    public async Task A_namespaces_labels_are_looked_up_unless_they_are_given()
    {
        var cluster = Create(_time).Node("a").Pool("10.0.0.0/28", 30, ""","namespaceSelector":"team == 'blue'" """);
        cluster.Store.Set("/calico/resources/v3/projectcalico.org/profiles/kns.shop",
            """{"kind":"Profile","metadata":{"name":"kns.shop"},"spec":{"labelsToApply":{"pcns.team":"blue"} } }""");
        Assert.That((await AssignAsync(cluster, Request("a", 1) with { Namespace = "shop" })).Addresses, Has.Length.EqualTo(1));
        Assert.That((await AssignAsync(cluster, Request("a", 1) with
        {
            NamespaceLabels = ImmutableDictionary<string, string>.Empty.Add("team", "blue"),
        })).Addresses, Has.Length.EqualTo(1));
        foreach (var request in new[] { Request("a", 1), Request("a", 1) with { Namespace = "other" },
            Request("a", 1) with { Namespace = "shop", NamespaceLabels = ImmutableDictionary<string, string>.Empty } })
        {
            Assert.That((await RefusalAsync(cluster, request)).Message, Is.EqualTo("cannot find a qualified ippool"));
        }
    }

    private static AutoAssignRequest Request(string host, int count) =>
        new() { Host = host, Ipv4 = count, Handle = "h", Use = IntendedUse.Workload };

    private static async Task<AssignedAddresses> AssignAsync(IpamCluster cluster, AutoAssignRequest request) =>
        (await cluster.Client.AutoAssignAsync(request, default)).V4!;

    private static async Task<(Problem Problem, string Message)> RefusalAsync(IpamCluster cluster, AutoAssignRequest request)
    {
        var refusal = (await Assert.ThrowsAsync<CalicoException>(() => cluster.Client.AutoAssignAsync(request, default)))!;
        return (refusal.Problem, refusal.Message);
    }
}
