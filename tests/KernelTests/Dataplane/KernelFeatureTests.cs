using System.Net;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.KernelTests.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
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
        Assert.That(KernelNeeds.FindMissing(nft, KernelNeeds.Expressions), Is.Empty, "this kernel has all");
        var missing = KernelNeeds.FindMissing(nft, [(new Unheard(), "CONFIG_UNHEARD", "all is lost")]);
        Assert.That(missing.Single(), Does.Contain("'unheard', CONFIG_UNHEARD").And.Contain("all is lost"));
        Assert.That(nft.ListTables(), Is.Empty, "nothing is left");
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
