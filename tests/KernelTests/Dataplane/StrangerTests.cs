using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using Calico.KernelTests.Linux;
using Calico.Linux.Netlink;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>What others do to our table, while the loop runs and while it does not.</summary>
[NonParallelizable]
public sealed class StrangerTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    private static async Task<(PretendNode Node, ScratchNamespace A)> NodeAsync(TimeSpan? auditInterval = null)
    {
        var node = new PretendNode(auditInterval);
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll), Profile("shut"), Pool("10.65.0.0/16", natOutgoing: true));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "shut");
        return (node, a);
    }

    private static string Listing(PretendNode node) => node.Host.Inside("nft", "-s", "list", "table", "inet", "calico");

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static async Task ResumeAsync(PretendNode node)
    {
        await node.Loop.SetInitialAsync([Endpoint("a", "10.65.0.2/32", "open"), Endpoint("b", "10.65.0.3/32", "shut")], Deadline());
        node.Accept(Profile("open", AllowAll), Profile("shut"), Pool("10.65.0.0/16", natOutgoing: true));
        await EventuallyAsync(() => node.Loop.InSync, "the first comparison");
    }

    /// <summary>The listing that nft prints and loads again lacks what nft does not understand: the mark's way through the dispatch.
    /// </summary>
    private static readonly string[] Changes =
    [
        "nft add table inet calico '{ flags dormant; }'",
        "nft add chain inet calico forward-egress '{ policy drop; }'",
        "f=$(mktemp) && nft list ruleset > $f && nft flush ruleset && nft -f $f; s=$?; rm $f; exit $s",
        "nft add set inet calico late '{ type ipv4_addr; timeout 1h; }'",
        "nft add quota inet calico q '{ over 1 mbytes }'",
        "nft 'delete element inet calico workloads { \"calia\" }; add element inet calico workloads { \"calia\" comment \"x\" }'",
        "nft 'insert rule inet calico wl-raw tcp dport { 1, 2 } accept'",
    ];

    [TestCaseSource(nameof(Changes))]
    public async Task A1_what_a_stranger_changes_is_said_and_undone_at_once(string change)
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        var before = Lines(Listing(node));
        node.Host.Inside("sh", "-c", change);
        await EventuallyAsync(() => node.Loop.Status.Healed > 0, change);
        Assert.That(Lines(Listing(node)), Is.EquivalentTo(before), change);
        Assert.That(node.Loop.Status.LastHealed, Does.StartWith("nftables: "));
        Assert.That(CanPing(a, "10.65.0.3"), Is.False, "policy decides again");
        TestContext.Out.WriteLine($"{node.Loop.Status.LastHealed}; {node.Loop.Status.LastHeal.TotalMilliseconds} ms");
    }

    [TestCaseSource(nameof(Changes))]
    public async Task A1_what_a_stranger_changed_while_no_process_ran_is_undone_at_the_start(string change)
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        using var socket = node.Host.Broker.Run(node.Host.File, () => NetlinkSocket.Open(NetlinkFamily.Netfilter));
        var before = RawTable.Read(socket, "calico").ToText();
        await node.RestartAsync(() =>
        {
            node.Host.Inside("sh", "-c", change);
            return Task.CompletedTask;
        });
        Assert.That(CanPing(a, "10.65.0.3"), Is.False, "before the store was read");
        await ResumeAsync(node);
        Assert.That(RawTable.Read(socket, "calico").ToText(), Is.EqualTo(before), change);
        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
    }

    [Test]
    public async Task A1_a_healthy_table_is_written_neither_by_audits_nor_by_a_restart()
    {
        var (node, _) = await NodeAsync(TimeSpan.FromMilliseconds(100));
        await using var __ = node;
        using var nft = node.Host.OpenNft();
        // The counters of addresses that come late have settled once the loop is idle.
        var generation = nft.GetGeneration();
        await Task.Delay(TimeSpan.FromSeconds(1));
        Assert.That(nft.GetGeneration(), Is.EqualTo(generation), "some audits");
        await node.RestartAsync();
        await ResumeAsync(node);
        Assert.That(nft.GetGeneration(), Is.EqualTo(generation), "a restart");
        Assert.That(node.Loop.Status.Healed, Is.Zero);
    }

    internal static System.Diagnostics.Process Own(PretendNode node, string table = "calico")
    {
        var start = new System.Diagnostics.ProcessStartInfo("ip", ["netns", "exec", node.Host.Name, "nft", "-i"])
            { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        var owner = System.Diagnostics.Process.Start(start)!;
        // One line is one transaction: between two, on a busy machine, the table is healed, and then it cannot be owned.
        owner.StandardInput.WriteLine($"delete table inet {table}; add table inet {table} {{ flags owner; }}");
        owner.StandardInput.Flush();
        return owner;
    }

    [Test]
    public async Task A1_a_table_of_our_name_that_another_process_owns_is_said_workloads_are_closed_and_it_heals_when_that_ends()
    {
        var (node, a) = await NodeAsync();
        await using var _ = node;
        await node.WireAsync("c", "10.65.0.4/32");
        await node.PublishAsync("c", "10.65.0.4/32", "open");
        Assert.That(CanPing(a, "10.65.0.4"), Is.True);
        using var owner = Own(node);
        try
        {
            await EventuallyAsync(() => node.Loop.LastError?.Contains("owned by nft (pid", StringComparison.Ordinal) == true,
                "it to be said");
            Assert.That(node.Loop.LastError, Does.Contain("table inet calico is owned by").And.Contain($"(pid {owner.Id})"));
            Assert.That(node.Loop.InSync, Is.False, "not ready");
            Assert.That(CanPing(a, "10.65.0.3") || CanPing(a, "10.65.0.4"), Is.False, "closed");

            // Nor is what comes meanwhile open, nor does a stranger open it by taking what closes it.
            var d = await node.WireAsync("d", "10.65.0.5/32");
            node.Host.Inside("nft", "delete", "table", "inet", "calico-closed");
            await EventuallyAsync(() => node.Host.Inside("nft", "list", "tables").Contains("calico-closed", StringComparison.Ordinal),
                "it to be closed again");
            Assert.That(CanPing(d, "10.65.0.4") || CanPing(a, "10.65.0.4"), Is.False);

            // A process that starts now finds the table owned.
            await node.RestartAsync();
            Assert.That(node.Loop.LastError, Does.Contain("is owned by nft (pid"));
            Assert.That(CanPing(a, "10.65.0.4"), Is.False);
            await node.Loop.SetInitialAsync([Endpoint("a", "10.65.0.2/32", "open"), Endpoint("b", "10.65.0.3/32", "shut"),
                Endpoint("c", "10.65.0.4/32", "open")], Deadline());
            node.Accept(Profile("open", AllowAll), Profile("shut"));
        }
        finally
        {
            owner.Kill();
            await owner.WaitForExitAsync();
        }

        await EventuallyAsync(() => node.Loop.InSync, "it to heal");
        Assert.That(node.Loop.LastError, Is.Null);
        Assert.That(CanPing(a, "10.65.0.4"), Is.True);
        Assert.That(CanPing(a, "10.65.0.3"), Is.False, "policy decides");
        Assert.That(node.Host.Inside("nft", "list", "tables"), Does.Not.Contain("calico-closed"));
    }

    [Test]
    public async Task A1_a_table_of_another_name_that_another_process_owns_is_nobodys_business()
    {
        var (node, _) = await NodeAsync();
        await using var __ = node;
        node.Host.Inside("nft", "add", "table", "inet", "theirs");
        using var owner = Own(node, "theirs");
        try
        {
            await EventuallyAsync(() => node.Host.Inside("nft", "list", "table", "inet", "theirs")
                .Contains("flags owner", StringComparison.Ordinal), "it to be owned");
            await node.PublishAsync("b", "10.65.0.3/32", "open");
            Assert.That((node.Loop.InSync, node.Loop.LastError), Is.EqualTo((true, (string?)null)));
        }
        finally
        {
            owner.Kill();
            await owner.WaitForExitAsync();
        }
    }

    [TestCase("")]
    [TestCase("10.65.0.0/16")]
    [TestCase("10.66.0.0/16 fd66::/64", true)]
    public async Task B10_pools_that_went_while_no_process_ran_are_no_refusal(string left, bool natOutgoing = false)
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        var profiles = new[] { Profile("open", AllowAll),
            Profile("net", new Rule { Action = "Allow", Source = new() { Nets = ["10.0.0.0/8", "fd00::/8"] } }) };
        node.Accept([.. profiles, Pool("10.65.0.0/16", natOutgoing: true), Pool("10.70.0.0/16", natOutgoing: true, name: "pool4"),
            Pool("fd65::/64", natOutgoing: true, name: "pool6"),
            Block("10.65.0.0/26"), Block("fd65::/122")]);
        await node.WireAsync("a", "10.65.0.2/32", "fd65::2/128");
        await node.Loop.PublishAsync(Endpoint("a", "10.65.0.2/32", "open") with { Addresses = [.. Both] }, Deadline());
        Assert.That(Listing(node), Does.Contain("masquerade"));
        await node.RestartAsync();

        var errors = new System.Collections.Concurrent.ConcurrentBag<string>();
        node.Loop.Changed += (_, _) =>
        {
            if (node.Loop.LastError is { } error)
            {
                errors.Add(error);
            }
        };
        await node.Loop.SetInitialAsync([Endpoint("a", "10.65.0.2/32", "open") with { Addresses = [.. Both] }], Deadline());
        node.Accept([profiles[0], .. left.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select((p, i) => Pool(p, natOutgoing, $"left{i}"))]);
        await EventuallyAsync(() => node.Loop.InSync, "the first comparison");
        Assert.That(errors, Is.Empty);
        Assert.That(Listing(node), natOutgoing ? Does.Contain("masquerade") : Does.Not.Contain("masquerade"));
        Assert.That(node.Host.Inside("ip", "route") + node.Host.Inside("ip", "-6", "route"), Does.Not.Contain("blackhole"));
    }

    private static readonly System.Net.IPNetwork[] Both = [System.Net.IPNetwork.Parse("10.65.0.2/32"),
        System.Net.IPNetwork.Parse("fd65::2/128")];

    private static Resource Block(string cidr) => new Resource<IpamBlockSpec>
    {
        Kind = "IPAMBlock", Metadata = new() { Name = cidr }, Spec = new() { Cidr = cidr, Affinity = "host:node-a" },
    };
}
