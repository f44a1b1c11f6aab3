using System.Net;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Pairs that come and go, and what is in their way.</summary>
public sealed class WiringLifeTests
{
    private static readonly Calico.Datastore.Resources.V3.Rule AllowAll = new() { Action = "Allow" };

    [Test]
    public async Task A_pair_that_is_taken_away_gives_its_names_free_at_once_and_goes()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.Wiring.UnwireAsync("calia", "eth0", $"/run/netns/{a.Name}", a.File.Identity.Inode, Deadline());

        Assert.That(a.Ip("link").Select(l => (string?)l!["ifname"]), Does.Not.Contain("eth0"));
        Assert.That(node.Wiring.LinkExists("calia"), Is.False);
        Assert.That(node.Host.Inside("ip", "route"), Does.Not.Contain("10.65.0.2"));
        await EventuallyAsync(() => !node.Host.Inside("ip", "link").Contains("calia", StringComparison.Ordinal), "the link to be deleted");
    }

    [Test]
    public async Task A_publication_that_is_withdrawn_before_the_store_was_read_is_answered()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        await node.WireAsync("a", "10.65.0.2/32");
        var published = node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.Loop.WithdrawAsync(Id("a"), Deadline());
        Assert.That(await published, Is.EqualTo(Calico.EndpointState.Gone));
    }

    [Test]
    public async Task A_link_that_a_former_process_left_to_be_deleted_counts_as_gone()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        // As a process leaves it that dies before its reaper came round.
        var group = node.Options.ReapGroup.ToString(System.Globalization.CultureInfo.InvariantCulture);
        node.Host.Inside("ip", "link", "add", "calia", "group", group, "type", "veth", "peer", "name", "left");
        node.Host.Inside("ip", "link", "add", "calib", "type", "veth", "peer", "name", "right");
        Assert.That((node.Wiring.LinkExists("calia"), node.Wiring.LinkExists("calib")), Is.EqualTo((false, true)));
        Assert.That(node.Wiring.ListLinks(), Is.EqualTo(new[] { "calib" }));
    }

    [Test]
    public async Task A_leftover_of_the_same_name_is_replaced()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Host.Inside("ip", "link", "add", "calia", "type", "veth", "peer", "name", "left");
        await node.WireAsync("a", "10.65.0.2/32");
        Assert.That(node.Host.Inside("ip", "link"), Does.Not.Contain("left"));
    }

    [Test]
    public async Task A_wiring_that_fails_half_way_leaves_nothing()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.Wiring.UnwireAsync("calia", "eth0", $"/run/netns/{a.Name}", a.File.Identity.Inode, Deadline());

        // The second address is refused inside the workload's namespace, when the pair stands.
        var refused = await Assert.ThrowsAsync<CalicoException>(() =>
            node.Wiring.WireAsync(node.Request("a", "10.65.0.9/32", "10.65.0.9/32"), Deadline()));

        Assert.That(refused!.Problem, Is.EqualTo(Problem.Refused));
        Assert.That(node.Wiring.ListLinks(), Is.Empty);
        Assert.That(node.Host.Inside("ip", "route"), Does.Not.Contain("10.65.0.9"));
        Assert.That(a.Ip("link").Select(l => (string?)l!["ifname"]), Does.Not.Contain("eth0"));
    }

    [Test]
    public async Task D_an_address_that_an_endpoint_gives_up_is_cut()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        await node.WireAsync("a", "10.65.0.2/32", "10.65.0.7/32");
        await node.Loop.PublishAsync(Endpoint("a", "10.65.0.2/32",
            "open") with { Addresses = [IPNetwork.Parse("10.65.0.2/32"), IPNetwork.Parse("10.65.0.7/32")] }, Deadline());
        Remember(node, "10.65.0.7");
        Remember(node, "10.65.0.2");
        await node.PublishAsync("a", "10.65.0.2/32", "open");

        await EventuallyAsync(() => !node.Host.Inside("conntrack", "-L").Contains("10.65.0.7", StringComparison.Ordinal),
            "its connections to be cut");
        Assert.That(node.Host.Inside("conntrack", "-L"), Does.Contain("10.65.0.2"), "what it keeps goes on");
    }

    [Test]
    public async Task Before_the_endpoints_are_known_a_former_process_table_stays_and_a_withdrawal_takes_its_part_only()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        foreach (var (name, address) in new[] { ("a", "10.65.0.2/32"), ("b", "10.65.0.3/32") })
        {
            await node.WireAsync(name, address);
            await node.PublishAsync(name, address, "open");
        }

        await node.RestartAsync();
        // The store has been read; who lives here is not known yet.
        node.Accept(Profile("open", AllowAll));
        await node.Loop.ReadDropsAsync(Deadline());
        Assert.That(node.Host.Inside("nft", "list", "set", "inet", "calico", "workloads"), Does.Contain("calia").And.Contain("calib"),
            "nothing is swept");
        Assert.That(node.Loop.InSync, Is.False);
    }

    [Test]
    public async Task A_withdrawal_before_the_store_was_read_takes_elements_and_routes()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        await node.WireAsync("a", "10.65.0.2/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");

        await node.RestartAsync();
        await node.Loop.SetInitialAsync([Endpoint("a", "10.65.0.2/32", "open")], Deadline());
        await node.Loop.WithdrawAsync(Id("a"), Deadline());

        Assert.That(node.Host.Inside("nft", "list", "ruleset"), Does.Not.Contain("calia"));
        Assert.That(node.Host.Inside("ip", "route"), Does.Not.Contain("10.65.0.2"));
    }

    private static void Remember(PretendNode node, string destination) => node.Host.Inside("conntrack", "-I", "-p", "tcp",
        "-s", "198.51.100.7", "-d", destination, "--sport", "40000", "--dport", "80", "--state", "ESTABLISHED", "--timeout", "600");
}
