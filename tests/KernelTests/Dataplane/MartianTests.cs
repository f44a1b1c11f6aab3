using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.KernelTests.Linux;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>What a workload that may set its routes can reach of the host's own.</summary>
public sealed class MartianTests
{
    private static async Task<(PretendNode Node, ScratchNamespace A)> NodeThatAcceptsAsync(string action)
    {
        var node = new PretendNode();
        // As kube-proxy sets it, for the whole host.
        node.Host.Inside("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
        node.Host.Inside("ip", "address", "add", "192.0.2.1/32", "dev", "lo");
        node.Host.Inside("ip", "address", "add", "169.254.77.7/32", "dev", "lo");
        node.Host.Inside("ip", "address", "add", "169.254.1.1/32", "dev", "lo");
        await node.StartAsync();
        node.Accept(Profile("open", new Rule { Action = "Allow" }), new Resource<FelixConfigurationSpec>
        {
            Kind = "FelixConfiguration", Metadata = new() { Name = "default" }, Spec = new() { DefaultEndpointToHostAction = action },
        });
        var a = await node.WireAsync("a", "10.65.0.2/32", "fd65::2/128");
        await node.Loop.PublishAsync(Endpoint("a", "10.65.0.2/32", "open") with
        {
            Addresses = [IPNetwork.Parse("10.65.0.2/32"), IPNetwork.Parse("fd65::2/128")],
        }, Deadline());
        a.Inside("ip", "link", "set", "lo", "down");
        a.Inside("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
        foreach (var range in new[] { "127.0.0.0/8", "240.0.0.0/4" })
        {
            // The kernel keeps its own loopback in a table of its own, asked first.
            a.Inside("sh", "-c", $"ip route del local {range} table local 2>/dev/null; ip route del local "
                + "127.0.0.1 table local 2>/dev/null; "
                + $"ip route replace {range} via 169.254.1.1 dev eth0 src 10.65.0.2");
        }

        return (node, a);
    }

    [TestCase("Accept", "127.0.0.1")]
    [TestCase("Return", "127.0.0.1")]
    [TestCase("Accept", "127.200.0.1")]
    [TestCase("Accept", "169.254.77.7")]
    public async Task A4_no_workload_reaches_what_listens_on_loopback_or_link_local_addresses_of_the_host(string action, string address)
    {
        var (node, a) = await NodeThatAcceptsAsync(action);
        await using var _ = node;
        await EventuallyAsync(() => CanPing(a, "192.0.2.1"), "the host's own address, which policy and host action allow");
        using var listener = Open(node.Host, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, 2379));
        listener.Listen();
        await EventuallyAsync(() => CanConnect(a, "192.0.2.1"), "the probe works");
        var before = await node.DropsAsync("martian");
        Assert.That(CanConnect(a, address), Is.False);
        Assert.That(await node.DropsAsync("martian"), Is.GreaterThan(before), "counted");
    }

    [Test]
    public async Task A4_reserved_destinations_are_dropped_and_gateways_and_neighbour_discovery_are_not()
    {
        var (node, a) = await NodeThatAcceptsAsync("Accept");
        await using var _ = node;
        await EventuallyAsync(() => CanPing(a, "192.0.2.1"), "the host action");
        Assert.That(CanPing(a, "169.254.1.1"), Is.True, "the gateway");
        await EventuallyAsync(() => CanPing(a, "fe80::ecee:eeff:feee:eeee%eth0"), "the IPv6 gateway");
        var before = await node.DropsAsync("martian");
        Assert.That(CanPing(a, "240.0.0.1"), Is.False);
        Assert.That(await node.DropsAsync("martian"), Is.EqualTo(before + 1));
        Assert.That(CanPing(a, "fe80::1%eth0"), Is.False);
        Assert.That(node.Host.Inside("cat", "/proc/sys/net/ipv4/conf/calia/route_localnet").Trim(), Is.EqualTo("0"));
    }

    private static bool CanConnect(ScratchNamespace from, string address)
    {
        using var socket = Open(from, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse("10.65.0.2"), 0));
        try
        {
            return socket.ConnectAsync(IPAddress.Parse(address), 2379).Wait(TimeSpan.FromMilliseconds(700));
        }
        catch (AggregateException e) when (e.InnerException is SocketException)
        {
            return false;
        }
    }
}
