using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Felix;
using Calico.KernelTests.Linux;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Host sides that others change.</summary>
public sealed class LinkTests
{
    private const string A = "10.65.0.2";
    private const string B = "10.65.0.3";
    private const string A6 = "fd00:65::2";
    private const string B6 = "fd00:65::3";

    private static readonly Rule AllowAll = new() { Action = "Allow" };

    private static LocalEndpoint[] Endpoints =>
    [
        Endpoint("a", A + "/32",
            "open") with { Addresses = [System.Net.IPNetwork.Parse(A + "/32"), System.Net.IPNetwork.Parse(A6 + "/128")] },
        Endpoint("b", B + "/32",
            "open") with { Addresses = [System.Net.IPNetwork.Parse(B + "/32"), System.Net.IPNetwork.Parse(B6 + "/128")] },
    ];

    private static async Task<(PretendNode Node, ScratchNamespace A, ScratchNamespace B)> TwoAsync()
    {
        var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        var (a, b) = (await node.WireAsync("a", A + "/32", A6 + "/128"), await node.WireAsync("b", B + "/32", B6 + "/128"));
        await Task.WhenAll(Endpoints.Select(e => node.Loop.PublishAsync(e, Deadline())));
        await EventuallyAsync(() => CanPing(a, B) && CanPing(a, B6), "both families");
        return (node, a, b);
    }

    [TestCase("ip link set calia down", "ip link set calia up")]
    [TestCase("ip link set calia down")]
    [TestCase("ip -6 addr del fe80::ecee:eeff:feee:eeee/64 dev calia")]
    [TestCase("sysctl -qw net.ipv6.conf.calia.disable_ipv6=1")]
    [TestCase("ip link add br0 type bridge", "ip link set br0 up", "ip link set calia master br0")]
    public async Task B3_a_host_side_that_lost_its_way_is_reached_in_both_families_again(params string[] commands)
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        foreach (var command in commands)
        {
            Run(node, command);
        }
        // A bridge would carry its packets under the bridge's name.
        await EventuallyAsync(() => node.Host.Ip("link", "show", "calia")[0]!["master"] is null, "it to be nobody's port");
        await EventuallyAsync(() => CanPing(a, B) && CanPing(b, A), "IPv4");
        await EventuallyAsync(() => CanPing(a, B6) && CanPing(b, A6), "IPv6");
    }

    [TestCase("sysctl -qw net.ipv4.conf.calia.forwarding=0", 250)]
    [TestCase("sysctl -qw net.ipv4.conf.calia.proxy_arp=0", 250)]
    [TestCase("sysctl -qw net.ipv6.conf.calia.accept_ra=2", 5000)]
    [TestCase("ip link set calia mtu 1300", 250)]
    [TestCase("ip link set calia group 0", 250)]
    [TestCase("ip link set calia alias mine", 250)]
    [TestCase("ip link set calia address 02:00:00:00:00:99", 250)]
    [TestCase("ip link set calia addrgenmode eui64", 5000)]
    [TestCase("ip addr del fe80::ecee:eeff:feee:eeee/64 dev calia", 250)]
    [TestCase("ip link set calia down", 250)]
    [TestCase("ip link set calia arp off", 250)]
    [TestCase("ip link set calia multicast off", 250)]
    [TestCase("ip link set calia arp off multicast off down", 250)]
    public async Task B3_what_was_written_at_wiring_comes_back(string command, int milliseconds)
    {
        var (node, _, _) = await TwoAsync();
        await using var __ = node;
        var before = Describe(node);
        var healed = node.Loop.Status.Healed;
        Run(node, command);
        var since = Environment.TickCount64;
        await EventuallyAsync(() => node.Loop.Status.Healed > healed, "it to be seen");
        TestContext.Out.WriteLine($"seen after {Environment.TickCount64 - since} ms");
        await EventuallyAsync(() => Describe(node) == before, $"it to be as before:\n{before}\nnow\n{Describe(node)}");
        Assert.That(Environment.TickCount64 - since, Is.LessThan(milliseconds + 2000), "the time of a busy machine apart");
    }

    [Test]
    public async Task B3_a_renamed_link_has_its_name_again_and_its_endpoint_lives()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        var index = (int)node.Host.Ip("link", "show", "calia")[0]!["ifindex"]!;
        Run(node, "ip link set calia name elsewhere");
        Assert.That(node.Wiring.LinkExists("calia"), Is.True, "whatever it is called");
        await EventuallyAsync(() => node.Host.Inside("ip", "-o", "link").Contains(": calia@", StringComparison.Ordinal), "its name");
        Assert.That((int)node.Host.Ip("link", "show", "calia")[0]!["ifindex"]!, Is.EqualTo(index));
        Assert.That(CanPing(a, B) && CanPing(b, A), Is.True);
    }

    [Test]
    public async Task B3_links_that_exchanged_their_names_have_their_own_again()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        int IndexOf(string name) => (int)node.Host.Ip("link", "show", name)[0]!["ifindex"]!;
        var (first, second) = (IndexOf("calia"), IndexOf("calib"));
        // In one go, faster than they are named back one by one.
        node.Host.Inside("sh", "-c",
            "printf 'link set calia name between\\nlink set calib name calia\\nlink set between name calib\\n' | ip -batch -");
        await EventuallyAsync(() => node.Host.Inside("ip", "-o", "link") is var links
            && links.Contains(": calia@", StringComparison.Ordinal)
            && links.Contains(": calib@", StringComparison.Ordinal) && (IndexOf("calia"), IndexOf("calib")) == (first, second),
            "their names");
        await EventuallyAsync(() => CanPing(a, B) && CanPing(b, A), "them to be open");
    }

    [Test]
    public async Task B3_a_renamed_link_carries_nothing_without_policy()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        // Nobody is there to name it back: what stands in the kernel has to keep it closed.
        await node.RestartAsync(() =>
        {
            Run(node, "ip link set calia name elsewhere");
            foreach (var (from, to) in new[] { (a, B), (b, A), (a, B6), (b, A6) })
            {
                Assert.That(CanPing(from, to), Is.False, to);
            }

            return Task.CompletedTask;
        });
        await node.Loop.SetInitialAsync([.. Endpoints], Deadline());
        node.Accept(Profile("open", AllowAll));
        Assert.That(node.Wiring.LinkExists("calia"), Is.False, "not known yet");
        node.Wiring.Adopt([node.Request("a", A + "/32", A6 + "/128"), node.Request("b", B + "/32", B6 + "/128")]);
        Assert.That(node.Wiring.LinkExists("calia"), Is.True, "known by its alias");
        await EventuallyAsync(() => node.Host.Inside("ip", "-o", "link").Contains(": calia@", StringComparison.Ordinal), "its name");
        await EventuallyAsync(() => CanPing(a, B) && CanPing(b, A6), "it to be open");
        Run(node, "ip link set calia mtu 1300");
        await EventuallyAsync(() => (int)node.Host.Ip("link", "show", "calia")[0]!["mtu"]! == 1450, "it to be kept");
    }

    [Test]
    public async Task B3_a_link_that_lost_name_and_alias_while_no_process_ran_is_known_by_the_route_to_its_address()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        await node.RestartAsync(() =>
        {
            Run(node, "ip link set calia name elsewhere");
            node.Host.Inside("ip", "link", "set", "elsewhere", "alias", "");
            Run(node, "ip link set calib alias other");
            return Task.CompletedTask;
        });
        Assert.That(CanPing(a, B) || CanPing(b, A) || CanPing(a, B6), Is.False, "closed while nobody knows it");
        // As the host does, before anything is compared: the first comparison takes away routes of links that nobody knows.
        node.Wiring.Adopt([node.Request("a", A + "/32", A6 + "/128"), node.Request("b", B + "/32", B6 + "/128")]);
        await node.Loop.SetInitialAsync([.. Endpoints], Deadline());
        node.Accept(Profile("open", AllowAll));
        await EventuallyAsync(() => node.Host.Inside("ip", "-o", "link").Contains(": calia@", StringComparison.Ordinal), "its name");
        await EventuallyAsync(() => CanPing(a, B) && CanPing(b, A6), "it to be open");
        Assert.That((string)node.Host.Ip("link", "show", "calia")[0]!["ifalias"]!, Does.StartWith("calia "));
    }

    [Test]
    public async Task B3_a_host_side_that_is_moved_to_another_namespace_ends_its_endpoint_and_the_pair()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        using var other = new ScratchNamespace();
        var gone = new TaskCompletionSource<string>();
        node.Loop.LinkGone += (_, name) => gone.TrySetResult(name);
        Run(node, $"ip link set calia netns {other.Name}");
        Assert.That(await gone.Task.WaitAsync(Patience), Is.EqualTo("calia"));
        Assert.That(CanPing(b, A), Is.False);
        // What the host does with an endpoint whose link is gone.
        await node.Loop.WithdrawAsync(Id("a"), Deadline());
        await node.Wiring.UnwireAsync("calia", "eth0", $"/run/netns/{a.Name}", a.File.Identity.Inode, Deadline());
        Assert.That(a.Inside("ip", "-o", "link"), Does.Not.Contain("eth0"), "nothing leads out of the workload past policy");
        Assert.That(other.Inside("ip", "-o", "link"), Does.Not.Contain("calia"));
        // And one that only went is not looked for.
        Run(node, "ip link del calib");
        await EventuallyAsync(() => !node.Wiring.LinkExists("calib"), "it to go");
        await node.Wiring.UnwireAsync("calib", "eth0", $"/run/netns/{b.Name}", b.File.Identity.Inode, Deadline());
    }

    [TestCase("ip route replace 10.65.0.2/32 via 192.0.2.1 dev wall onlink")]
    [TestCase("ip route replace blackhole 10.65.0.2/32")]
    [TestCase("ip route replace 10.65.0.2/32 dev calib")]
    [TestCase("ip route replace 10.65.0.2/32 dev calib proto 80")]
    [TestCase("ip route prepend 10.65.0.2/32 dev calib")]
    [TestCase("ip -6 route replace fd00:65::2/128 dev calib")]
    [TestCase("ip -6 route add fd00:65::2/128 dev calib metric 5")]
    [TestCase("ip -6 route add blackhole fd00:65::2/128 metric 5")]
    public async Task B3_a_route_whose_place_another_took_is_ours_again_at_once(string command)
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        Run(node, "ip link add wall type veth");
        Run(node, "ip link set wall up");
        Run(node, "ip addr add 192.0.2.2/24 dev wall");
        var healed = node.Loop.Status.Healed;
        Run(node, command);
        // An audit would come after 90 s.
        await EventuallyAsync(() => CanPing(b, A) && CanPing(b, A6), command);
        await EventuallyAsync(() => node.Loop.Status.Healed > healed, "said a moment after it is done");
        Assert.That(node.Loop.Status.LastHealed, Does.StartWith("route "));
        await node.Loop.WithdrawAsync(Id("a"), Deadline());
    }

    [TestCase("ip route append 10.65.0.2/32 dev calib")]
    [TestCase("ip route add 10.65.0.2/32 dev calib metric 50")]
    [TestCase("ip route add 10.65.0.2/32 dev calib table 99")]
    [TestCase("ip route add 10.65.9.9/32 dev calib")]
    public async Task B3_a_strangers_route_that_takes_nothing_from_ours_stays(string command)
    {
        var (node, _, b) = await TwoAsync();
        await using var __ = node;
        Run(node, command);
        await Task.Delay(300);
        var words = command.Replace("add", "del", StringComparison.Ordinal).Replace("append", "del", StringComparison.Ordinal);
        Assert.DoesNotThrow(() => Run(node, words), "it is there still");
        Assert.That(CanPing(b, A), Is.True);
    }

    [Test]
    public async Task B3_a_link_whose_name_was_given_to_another_stays_closed_until_it_is_free()
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        await node.RestartAsync(() =>
        {
            Run(node, "ip link set calia name elsewhere");
            Run(node, "ip link add calia type bridge");
            return Task.CompletedTask;
        });
        await node.Loop.SetInitialAsync([.. Endpoints], Deadline());
        node.Accept(Profile("open", AllowAll));
        await EventuallyAsync(() => node.Loop.InSync, "the first comparison");
        node.Wiring.Adopt([node.Request("a", A + "/32", A6 + "/128")]);
        await Task.Delay(500);
        Assert.That(CanPing(a, B) || CanPing(b, A), Is.False);
        Run(node, "ip link set calia up");
        await Task.Delay(200);
        Assert.That(node.Host.Inside("ip", "route", "show", "dev", "calia"), Does.Not.Contain(A), "a stranger's link has no route of ours");
        Run(node, "ip link del calia");
        await EventuallyAsync(() => node.Host.Inside("ip", "-o", "link").Contains(": calia@", StringComparison.Ordinal), "its name");
        await EventuallyAsync(() => CanPing(a, B) && CanPing(b, A), "it to be open");
    }

    [Test]
    public async Task B3_a_link_that_is_deleted_or_unwired_under_another_name_goes_as_its_own()
    {
        await using var node = new PretendNode();
        var a = await node.WireAsync("a", A + "/32");
        // Nobody follows notices before the start.
        Run(node, "ip link set calia name elsewhere");
        await node.Wiring.UnwireAsync("calia", "eth0", $"/run/netns/{a.Name}", a.File.Identity.Inode, Deadline());
        await EventuallyAsync(() => !node.Host.Inside("ip", "-o", "link").Contains("elsewhere", StringComparison.Ordinal),
            "the link to go");
        await node.Wiring.WireAsync(node.Request("a", A + "/32"), Deadline());
        Run(node, "ip link set calia name elsewhere");
        await node.Wiring.WireAsync(node.Request("a", A + "/32"), Deadline());
        Assert.That(node.Host.Inside("ip", "-o", "link"), Does.Contain(": calia@").And.Not.Contain("elsewhere"), "wired again");
    }

    [Test]
    public async Task B3_check_tells_a_changed_MTU_and_a_name()
    {
        await using var node = new PretendNode();
        var a = await node.WireAsync("a", A + "/32");
        Run(node, "ip link set calia name elsewhere");
        Run(node, "ip link set elsewhere mtu 1400");
        a.Inside("ip", "link", "set", "eth0", "mtu", "1300");
        Assert.That(await node.Wiring.CheckAsync(node.Request("a", A + "/32"), $"/run/netns/{a.Name}", Deadline()), Is.EqualTo(new[]
        {
            "host interface calia is called elsewhere", "host interface calia has MTU 1400; it was given 1450",
                "interface eth0 has MTU 1300; it was given 1450",
        }));
    }

    [TestCase(1300)]
    [TestCase(1480)]
    public async Task B9_both_ends_get_another_MTU_and_keep_it(int mtu)
    {
        var (node, a, b) = await TwoAsync();
        await using var _ = node;
        var request = node.Request("a", A + "/32", A6 + "/128") with { Mtu = mtu, Mac = new([2, 0, 0, 0, 0, 1]) };
        await node.Wiring.ResizeAsync(request, $"/run/netns/{a.Name}", Deadline());
        Assert.That(await node.Wiring.CheckAsync(request, $"/run/netns/{a.Name}", Deadline()), Is.Empty);
        Run(node, "ip link set calia mtu 1000");
        await EventuallyAsync(() => (int)node.Host.Ip("link", "show", "calia")[0]!["mtu"]! == mtu, "the new one to be kept");
        Assert.That(node.Wiring.MtuOf("calia"), Is.EqualTo(mtu));
        Assert.That(node.Wiring.MtuOf("nowhere"), Is.Null);

        // Of a pair whose other end is elsewhere, neither end is touched.
        var error = await Assert.ThrowsAsync<CalicoException>(() =>
            node.Wiring.ResizeAsync(request with { Mtu = 1200 }, $"/run/netns/{b.Name}", Deadline()));
        Assert.That(error!.Problem, Is.EqualTo(Problem.NotFound));
        Assert.That(node.Wiring.MtuOf("calia"), Is.EqualTo(mtu));
    }

    [Test]
    public async Task A5_an_orphan_whose_name_got_an_owner_meanwhile_is_not_taken()
    {
        await using var node = new PretendNode();
        await node.WireAsync("a", A + "/32");
        Assert.That(await node.Wiring.TakeOrphanAsync("calia", _ => true, Deadline()), Is.False);
        Assert.That(node.Wiring.LinkExists("calia"), Is.True);
        Assert.That(await node.Wiring.TakeOrphanAsync("calia", _ => false, Deadline()), Is.True);
        Assert.That(node.Wiring.LinkExists("calia"), Is.False);
    }

    [Test]
    public async Task A5_a_link_leads_to_the_namespace_that_has_its_other_end_and_to_no_other()
    {
        await using var node = new PretendNode();
        var (a, b) = (await node.WireAsync("a", A + "/32"), await node.WireAsync("b", B + "/32"));
        using var stranger = new ScratchNamespace();
        Assert.That(node.Wiring.LeadsTo("calia", a.File.Descriptor) && node.Wiring.LeadsTo("calib", b.File.Descriptor), Is.True);
        Assert.That(node.Wiring.LeadsTo("calia", b.File.Descriptor) || node.Wiring.LeadsTo("calia", stranger.File.Descriptor)
            || node.Wiring.LeadsTo("calix", a.File.Descriptor), Is.False);
        // By number it would be the right one: its peer keeps its name.
        await node.Wiring.UnwireAsync("calia", "eth0", $"/run/netns/{b.Name}", b.File.Identity.Inode, Deadline());
        Assert.That(b.Inside("ip", "-o", "link"), Does.Contain("eth0"));
    }

    private static void Run(PretendNode node, string command)
    {
        var words = command.Split(' ');
        node.Host.Inside(words[0], words[1..]);
    }

    /// <summary>All that was written at the wiring, as the kernel tells it.</summary>
    private static string Describe(PretendNode node)
    {
        var link = node.Host.Ip("-d", "link", "show", "calia")[0]!;
        bool HasFlag(string flag) => link["flags"]!.AsArray().Any(f => (string)f! == flag);
        var keys = new[] { "ipv4/conf/calia/forwarding", "ipv4/conf/calia/proxy_arp", "ipv4/conf/calia/route_localnet",
            "ipv6/conf/calia/accept_ra" };
        return string.Join(' ',
            new[] { "ifindex", "ifname", "mtu", "group", "address", "ifalias", "inet6_addr_gen_mode" }.Select(k => $"{k}={link[k]}"))
            + $" up={HasFlag("UP")} noarp={HasFlag("NOARP")} multicast={HasFlag("MULTICAST")} "
            + string.Join(' ', keys.Select(k => $"{k}={node.Host.Inside("cat", "/proc/sys/net/" + k).Trim()}"))
            + " addresses=" + string.Join(',', node.Host.Ip("-6", "addr", "show", "dev", "calia")
                .Select(i => i!["addr_info"]!.ToJsonString().Contains("fe80::ecee:eeff:feee:eeee", StringComparison.Ordinal)))
            + " routes=" + string.Join(';', node.Host.Inside("ip", "route", "show", "dev", "calia").Trim(),
                node.Host.Inside("ip", "-6", "route", "show", "dev", "calia", "proto", "80").Trim());
    }
}
