using System.Net;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using Calico.KernelTests.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Sysctls;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Hosts whose kernel has less than ours.</summary>
public sealed class KernelFeatureTests
{
    private static async Task<PretendNode> NodeAsync(bool isIpv6Off)
    {
        var node = new PretendNode();
        if (isIpv6Off)
        {
            node.Host.Inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
        }

        await node.StartAsync();
        node.Accept(Profile("open", new Rule { Action = "Allow" }), Block("10.65.0.0/26"), Block("fd65::/122"));
        return node;
    }

    [Test]
    public async Task A13_a_host_without_ipv6_connects_workloads_over_ipv4_and_says_why_not_over_ipv6()
    {
        await using var node = await NodeAsync(isIpv6Off: true);
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
        Assert.That(node.Loop.LastError, Is.Null, "the block's IPv6 route");

        var refused = await Assert.ThrowsAsync<CalicoException>(() => node.WireAsync("c", "10.65.0.4/32", "fd65::4/128"));
        Assert.That(refused!.Problem, Is.EqualTo(Problem.Unsupported));
        Assert.That(refused!.Message, Does.Contain("net.ipv6.conf.default.disable_ipv6 is 1"));
        Assert.That(node.Wiring.ListLinks(), Does.Not.Contain("calic"));

        // Turned on again: nobody has to restart anything.
        node.Host.Inside("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0");
        await node.WireAsync("d", "10.65.0.5/32", "fd65::5/128");
    }

    /// <summary>A container may have <c>/proc/sys</c> read-only. The product's files are opened by this node's broker thread, which gets a
    /// mount namespace of its own.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task A13_settings_that_cannot_be_written_are_needed_only_where_they_are_wrong(bool forwards)
    {
        await using var node = new PretendNode();
        if (forwards)
        {
            node.Host.Inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
        }

        node.Host.Broker.Run(node.Host.File, () =>
        {
            // unshare(2) CLONE_NEWNS; mount(2) MS_REC | MS_PRIVATE, MS_BIND, MS_REMOUNT | MS_BIND | MS_RDONLY
            Assert.That(Unshare(0x20000), Is.Zero);
            Assert.That(Mount("none", "/", null, 0x4000 | 0x40000, 0), Is.Zero);
            Assert.That(Mount("/proc/sys", "/proc/sys", null, 0x1000, 0), Is.Zero);
            Assert.That(Mount("/proc/sys", "/proc/sys", null, 0x20 | 0x1000 | 0x1, 0), Is.Zero);
            Assert.Throws<IOException>(() => NetworkSysctls.Write("net/ipv4/ip_forward", "1"), "the test's own means");
        });
        await node.StartAsync();
        node.Accept(Profile("open", new Rule { Action = "Allow" }));
        if (!forwards)
        {
            // A link that does not forward would take a workload's router advertisements.
            var refused = await Assert.ThrowsAsync<CalicoException>(() => node.WireAsync("early", "10.65.0.9/32"));
            Assert.That(refused!.Message, Does.Contain("accept_ra: Read-only file system"));
            Assert.That(node.Wiring.ListLinks(), Is.Empty);
            await EventuallyAsync(() => node.Loop.LastError is not null, "it to be said");
            Assert.That(node.Loop.InSync, Is.False);
            Assert.That(node.Loop.LastError, Does.Match("net\\.ipv[46]\\S*forward\\S* is 0 and cannot be changed .* 'sysctl -w net.ipv"));
            node.Host.Inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
            await EventuallyAsync(() => node.Loop.LastError is null, "what was advised to help");
        }

        var a = await node.WireAsync("a", "10.65.0.2/32", "fd65::2/128");
        await node.WireAsync("b", "10.65.0.3/32", "fd65::3/128");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.Loop.PublishAsync(Endpoint("b", "10.65.0.3/32",
            "open") with { Addresses = [IPNetwork.Parse("10.65.0.3/32"), IPNetwork.Parse("fd65::3/128")] }, Deadline());
        Assert.That((node.Loop.InSync, node.Loop.LastError), Is.EqualTo((true, (string?)null)));
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
        Assert.That(node.Host.Inside("sysctl", "-n", "net.ipv6.conf.calia.forwarding").Trim(), Is.EqualTo("1"),
            "so it takes no advertisements");
    }

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static extern int Unshare(int flags);

    [System.Runtime.InteropServices.DllImport("libc", EntryPoint = "mount", SetLastError = true,
        CharSet = System.Runtime.InteropServices.CharSet.Ansi)]
    private static extern int Mount(string source, string target, string? type, ulong flags, nint options);

    [TestCase(68)]
    [TestCase(1279)]
    public async Task A13_an_mtu_below_ipv6s_least_serves_ipv4_and_says_why_not_ipv6(int mtu)
    {
        await using var node = await NodeAsync(isIpv6Off: false);
        var a = await node.WireAsync(mtu, "a", "10.65.0.2/32");
        await node.WireAsync(mtu, "b", "10.65.0.3/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
        var refused = await Assert.ThrowsAsync<CalicoException>(() => node.WireAsync(mtu, "c", "fd65::4/128"));
        Assert.That(refused!.Message, Does.Contain($"{mtu}").And.Contain("1280"));
    }

    [Test]
    public void A13_an_expression_that_the_kernel_has_not_is_named_with_its_option_and_what_is_lost()
    {
        using var host = new ScratchNamespace();
        using var nft = host.OpenNft();
        var generation = nft.GetGeneration();
        Assert.That(KernelNeeds.FindMissing(nft, KernelNeeds.Expressions), Is.Empty, "this kernel has all");
        var missing = KernelNeeds.FindMissing(nft, [(new Unheard(), "CONFIG_UNHEARD", "all is lost")]);
        Assert.That(missing.Single(), Does.Contain("'unheard', CONFIG_UNHEARD").And.Contain("all is lost"));
        Assert.That(nft.ListTables(), Is.Empty, "nothing is left");
        Assert.That(nft.GetGeneration(), Is.EqualTo(generation), "nobody who watches the ruleset is woken");
    }

    private static Resource Block(string cidr) => new Resource<IpamBlockSpec>
    {
        Kind = "IPAMBlock", Metadata = new() { Name = cidr }, Spec = new() { Cidr = cidr, Affinity = "host:node-a" },
    };

    private sealed record Unheard : NftExpression
    {
        public override string Name => "unheard";

        protected override void WriteContent(NetlinkWriter writer)
        {
        }
    }
}
