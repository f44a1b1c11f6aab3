using System.Net;
using Calico.Dataplane.Workloads;
using Calico.Datastore.Resources.V3;
using Calico.Felix;
using Calico.KernelTests.Linux;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Links whose other end somebody else moves and configures, as dockerd does.</summary>
public sealed class HandedOverTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    [Test]
    public async Task Both_gateways_of_a_second_link_answer_on_a_host_without_a_default_route()
    {
        await using var node = await StartAsync();
        using var first = await JoinAsync(node, "a", 1, null);
        using var second = await JoinAsync(node, "b", 2, IPAddress.Parse("fe80::ecee:eeff:feee:2"));
        // Eventually: an end that is configured by hand looks first whether its link-local address is another's.
        await EventuallyAsync(() => CanPing(second, "10.65.0.1"), "through 169.254.1.2, which nothing but ARP says where it is");
        await EventuallyAsync(() => CanPing(second, "fd00:65::1"), "through fe80::…:2");
        await EventuallyAsync(() => CanPing(first, "fd00:65::2"), "back");
    }

    [Test]
    public async Task A_gateway_that_somebody_took_away_comes_back()
    {
        await using var node = await StartAsync();
        using var first = await JoinAsync(node, "a", 1, null);
        using var second = await JoinAsync(node, "b", 2, IPAddress.Parse("fe80::ecee:eeff:feee:2"));
        await EventuallyAsync(() => CanPing(second, "fd00:65::1"), "IPv6, before");
        node.Host.Inside("ip", "-6", "addr", "del", "fe80::ecee:eeff:feee:2/64", "dev", "calib");
        await EventuallyAsync(() => CanPing(second, "fd00:65::1"), "IPv6");
    }

    [Test]
    public async Task What_the_loopback_got_is_known_again_and_nothing_else_of_it()
    {
        await using var node = await StartAsync();
        node.Host.Inside("ip", "addr", "add", "169.254.1.9/32", "dev", "lo", "scope", "host");
        using var _ = await JoinAsync(node, "a", 1, null);
        var gateways = new HostGateways(node.Network);
        gateways.Answer(IPAddress.Parse("169.254.1.1"));
        gateways.Hasten("calia");
        using var socket = node.Host.OpenRoute();
        Assert.That(HostGateways.Leftovers(socket).Select(a => $"{a.Address}"), Is.EqualTo(new[] { "169.254.1.1" }));
        Assert.That(node.Host.Inside("cat", "/proc/sys/net/ipv4/neigh/calia/proxy_delay").Trim(), Is.EqualTo("0"));
    }

    [Test]
    public async Task Gateways_on_the_loopback_come_back_when_it_is_flushed_and_whoever_hardens_arp_is_named()
    {
        await using var node = await StartAsync();
        using var first = await JoinAsync(node, "a", 1, null);
        using var second = await JoinAsync(node, "b", 2, null);
        await EventuallyAsync(() => CanPing(second, "10.65.0.1"), "before");
        node.Host.Inside("ip", "-4", "addr", "flush", "dev", "lo", "scope", "host");
        await EventuallyAsync(() => LoopbackHas(node, "169.254.1.1") && LoopbackHas(node, "169.254.1.2"), "both are put back");
        second.Inside("ip", "neigh", "flush", "all");
        await EventuallyAsync(() => CanPing(second, "10.65.0.1"), "after");

        node.Host.Inside("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1");
        await EventuallyAsync(() => node.Loop.Status.LastError?.Contains("arp_ignore", StringComparison.Ordinal) == true, "it is said");
        node.Host.Inside("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=0");
        await EventuallyAsync(() => node.Loop.Status.LastError is null, "and taken back");
    }

    private static bool LoopbackHas(PretendNode node, string address) =>
        node.Host.Inside("ip", "-4", "addr", "show", "dev", "lo").Contains($" {address}/32 ", StringComparison.Ordinal);

    private static async Task<PretendNode> StartAsync()
    {
        var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        return node;
    }

    /// <summary>Makes the pair in the host's namespace; then what dockerd does with its other end.</summary>
    private static async Task<ScratchNamespace> JoinAsync(PretendNode node, string name, int number, IPAddress? gateway6)
    {
        var (gateway, ipv6) = ($"169.254.1.{number}", gateway6?.ToString() ?? "fe80::ecee:eeff:feee:eeee");
        var request = new WiringRequest
        {
            Id = Id(name),
            HostInterface = "cali" + name,
            PeerInterface = "temp" + name,
            Mac = new([0x02, 0, 0, 0, 0, (byte)number]),
            Mtu = 1450,
            Addresses = [IPNetwork.Parse($"10.65.0.{number}/32"), IPNetwork.Parse($"fd00:65::{number}/128")],
            IsHandedOver = true,
            Gateway4 = IPAddress.Parse(gateway),
            Gateway6 = gateway6,
        };
        new HostGateways(node.Network).Answer(request.Gateway4);
        await node.Wiring.WireAsync(request, Deadline());
        new HostGateways(node.Network).Hasten(request.HostInterface);
        var container = new ScratchNamespace();
        node.Host.Inside("ip", "link", "set", request.PeerInterface, "netns", container.Name);
        foreach (var command in (string[])
            [
                $"ip link set temp{name} name cali0", "ip link set cali0 up", $"ip addr add 10.65.0.{number}/32 dev cali0",
                $"ip -6 addr add fd00:65::{number}/128 dev cali0 nodad", $"ip route add {gateway}/32 dev cali0",
                $"ip -6 route add {ipv6}/128 dev cali0", $"ip route add default via {gateway}",
                $"ip -6 route add default via {ipv6} dev cali0",
            ])
        {
            container.Inside(command.Split(' ')[0], command.Split(' ')[1..]);
        }

        await node.Loop.PublishAsync(Endpoint(name, $"10.65.0.{number}/32", "open") with { Addresses = request.Addresses }, Deadline());
        return container;
    }
}
