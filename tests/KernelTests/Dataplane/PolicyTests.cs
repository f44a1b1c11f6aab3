using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>What packets meet.</summary>
public sealed class PolicyTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    [Test]
    public async Task Workload_is_closed_until_it_is_published()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        var b = await node.WireAsync("b", "10.65.0.3/32");

        Assert.That(CanPing(a, "10.65.0.3"), Is.False, "neither is published");
        Assert.That(await node.PublishAsync("a", "10.65.0.2/32", "open"), Is.EqualTo(EndpointState.Enforced));
        Assert.That(CanPing(a, "10.65.0.3"), Is.False, "the receiver is not published");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        Assert.That(CanPing(a, "10.65.0.3"), Is.True, node.Host.Inside("nft", "list", "ruleset"));
        Assert.That(CanPing(b, "10.65.0.2"), Is.True);
        Assert.That(await node.DropsAsync("unknown-endpoint"), Is.GreaterThanOrEqualTo(2));
    }

    [Test]
    public async Task Profile_rules_with_selectors_decide()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("red", [("color", "red")], AllowAll), Profile("blue", [("color", "blue")], AllowAll),
            Profile("server", new Rule { Action = "Allow", Source = new() { Selector = "color == 'red'" } }));
        var red = await node.WireAsync("red", "10.65.0.2/32");
        var blue = await node.WireAsync("blue", "10.65.0.3/32");
        await node.WireAsync("srv", "10.65.0.4/32");
        await node.PublishAsync("red", "10.65.0.2/32", "red");
        await node.PublishAsync("blue", "10.65.0.3/32", "blue");
        await node.PublishAsync("srv", "10.65.0.4/32", "server");

        Assert.That(CanPing(red, "10.65.0.4"), Is.True);
        Assert.That(CanPing(blue, "10.65.0.4"), Is.False);
        Assert.That(await node.DropsAsync("profile-none"), Is.EqualTo(1));

        node.Accept(Profile("blue", [("color", "red")], AllowAll));
        await EventuallyAsync(() => CanPing(blue, "10.65.0.4"), "the new label to count");
        Assert.That(await node.Loop.DescribeAsync(Id("srv"), Deadline()),
            Does.Contain("Allow from set s:").And.Contain("Profile(server) rule 0 @1"));
    }

    [Test]
    public async Task Ports_nets_and_negations_reach_the_kernel()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("many",
            new Rule { Action = "Deny", Protocol = new("TCP"), Source = new() { Nets = ["10.0.0.0/8", "192.168.0.0/16"] },
                Destination = new() { Ports = [new(22), new("8000:8080")] } },
            new Rule { Action = "Allow", Protocol = new("UDP"), Destination = new() { NotPorts = [new(53), new(67)], Ports = [new("dns")] },
                Source = new() { NotNets = ["10.1.0.0/16", "10.2.0.0/16"] } },
            new Rule { Action = "Log", IpVersion = 6, Protocol = new("ICMPv6"), Icmp = new() { Type = 128, Code = 0 } },
            new Rule { Action = "Allow", NotProtocol = new("TCP"), NotIcmp = new() { Type = 8 },
                Source = new() { NotSelector = "has(x)" } },
            new Rule { Action = "Pass", Source = new() { Nets = ["10.65.0.9/32"] }, Destination = new() { NotPorts = [new("dns")] } }));
        await node.WireAsync("a", "10.65.0.2/32");
        Assert.That(await node.PublishAsync("a", "10.65.0.2/32", "many"), Is.EqualTo(EndpointState.Enforced), node.Loop.LastError);
        Assert.That(node.Host.Inside("nft", "list", "ruleset"), Does.Contain("Profile(many) rule 4"));
    }

    [Test]
    public async Task Unusable_profile_drops_and_is_counted()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll), Profile("bad", new Rule { Action = "Allow", Source = new() { Selector = "a = b" } }));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "bad");
        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
        Assert.That(await node.DropsAsync("policy-unusable"), Is.EqualTo(1));
    }

    [Test]
    public async Task Endpoint_whose_labels_are_awaited_is_closed_only_while_they_matter()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll),
            Profile("asks", new Rule { Action = "Allow", Source = new() { Selector = "role == 'web'" } }));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        await node.PublishAsync("b", "10.65.0.3/32", "asks");
        var pending = Endpoint("a", "10.65.0.2/32", "open") with { LabelsPending = true };
        Assert.That(await node.Loop.PublishAsync(pending, Deadline()), Is.EqualTo(EndpointState.Closed));
        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
        Assert.That(await node.DropsAsync("not-labelled"), Is.EqualTo(1));
        var labelled = pending with { LabelsPending = false, Labels = pending.Labels.Add("role", "web") };
        Assert.That(await node.Loop.PublishAsync(labelled, Deadline()), Is.EqualTo(EndpointState.Enforced));
        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
    }

    [Test]
    public async Task Foreign_source_is_dropped_and_counted_unless_allowed()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        var b = await node.WireAsync("b", "10.65.0.3/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        using var receiver = Open(b, SocketType.Dgram, ProtocolType.Udp);
        receiver.Bind(new IPEndPoint(IPAddress.Any, 4000));

        SendFrom(a, "10.65.0.77", "10.65.0.3", 4000);
        Assert.That(receiver.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectRead), Is.False);
        Assert.That(await node.DropsAsync("anti-spoof"), Is.EqualTo(1));
        SendFrom(a, "10.65.0.3", "10.65.0.3", 4000);
        Assert.That(await node.DropsAsync("anti-spoof"), Is.EqualTo(2), "another workload's source");
        SendFrom(a, "10.65.0.2", "10.65.0.3", 4789);
        Assert.That(await node.DropsAsync("encap-source"), Is.EqualTo(1));

        await node.Loop.PublishAsync(Endpoint("a", "10.65.0.2/32", "open") with { AllowedSources = [IPNetwork.Parse("10.65.0.64/26")] },
            Deadline());
        SendFrom(a, "10.65.0.77", "10.65.0.3", 4000);
        Assert.That(receiver.Poll(TimeSpan.FromSeconds(2), SelectMode.SelectRead), Is.True);
    }

    [Test]
    public async Task Workload_leaves_the_pool_with_the_hosts_address()
    {
        await using var node = new PretendNode();
        using var outside = new Linux.ScratchNamespace();
        node.Host.Inside("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "index", "77", "netns", outside.Name);
        node.Host.Inside("ip", "address", "add", "192.0.2.1/24", "dev", "eth0");
        node.Host.Inside("ip", "link", "set", "eth0", "up");
        outside.Inside("ip", "address", "add", "192.0.2.2/24", "dev", "eth0");
        outside.Inside("ip", "link", "set", "eth0", "up");
        // The kernel activates a link a little after its carrier; until then what it sends is lost.
        await EventuallyAsync(() => CanPing(node.Host, "192.0.2.2"), "the outside");
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll), Pool("10.65.0.0/16", natOutgoing: true));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        var b = await node.WireAsync("b", "10.65.0.3/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");

        Assert.That(SourceSeenBy(outside, a, "192.0.2.2"), Is.EqualTo("192.0.2.1"));
        Assert.That(SourceSeenBy(b, a, "10.65.0.3"), Is.EqualTo("10.65.0.2"), "inside the pools the address stays");
        node.Accept(Pool("10.65.0.0/16", natOutgoing: false));
        await EventuallyAsync(() => !node.Host.Inside("nft", "list", "ruleset").Contains("masquerade"), "masquerading to end");
    }

    [Test]
    public async Task Host_action_decides_on_traffic_to_the_host()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Host.Inside("ip", "address", "add", "192.0.2.1/32", "dev", "lo");
        node.Accept(Profile("open", AllowAll));
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        Assert.That(CanPing(a, "192.0.2.1"), Is.False);
        Assert.That(await node.DropsAsync("host-action"), Is.EqualTo(1));
        Assert.That(CanPing(node.Host, "10.65.0.2"), Is.True, "the host reaches its own workloads");
        node.Accept(new Resource<FelixConfigurationSpec>
        {
            Kind = "FelixConfiguration", Metadata = new() { Name = "default" }, Spec = new() { DefaultEndpointToHostAction = "ACCEPT" },
        });
        await EventuallyAsync(() => CanPing(a, "192.0.2.1"), "the host action to change");
    }

    [Test]
    public async Task Ipv6_passes_where_policy_allows()
    {
        await using var node = new PretendNode();
        await node.StartAsync();
        node.Accept(Profile("open", AllowAll));
        var a = await node.WireAsync("a", "fd65::2/128");
        await node.WireAsync("b", "fd65::3/128");
        await node.PublishAsync("a", "fd65::2/128", "open");
        await node.PublishAsync("b", "fd65::3/128", "open");
        // Not from the first packet on: of new pairs some lose one (docs/design/dataplane.md, open questions).
        await EventuallyAsync(() => CanPing(a, "fd65::3"), "IPv6 between two workloads");
        await node.Loop.WithdrawAsync(Id("b"), Deadline());
        Assert.That(CanPing(a, "fd65::3"), Is.False);
    }

    private static string SourceSeenBy(Linux.ScratchNamespace receiver, Linux.ScratchNamespace sender, string address)
    {
        using var to = Open(receiver, SocketType.Dgram, ProtocolType.Udp);
        using var from = Open(sender, SocketType.Dgram, ProtocolType.Udp);
        to.Bind(new IPEndPoint(IPAddress.Any, 4001));
        from.SendTo("x"u8.ToArray(), new IPEndPoint(IPAddress.Parse(address), 4001));
        Assert.That(to.Poll(TimeSpan.FromSeconds(2), SelectMode.SelectRead), Is.True, $"nothing came to {address}");
        EndPoint source = new IPEndPoint(IPAddress.Any, 0);
        to.ReceiveFrom(new byte[16], ref source);
        return ((IPEndPoint)source).Address.ToString();
    }

    /// <summary>A datagram with a source of our choice. Checksums: the kernel makes IPv4's, and UDP's may be 0.</summary>
    private static void SendFrom(Linux.ScratchNamespace where, string source, string destination, ushort port)
    {
        byte[] packet =
        [
            0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0,
            .. IPAddress.Parse(source).GetAddressBytes(), .. IPAddress.Parse(destination).GetAddressBytes(),
            0x12, 0x34, (byte)(port >> 8), (byte)port, 0, 9, 0, 0, (byte)'x',
        ];
        using var socket = Open(where, SocketType.Raw, ProtocolType.Raw);
        socket.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.HeaderIncluded, true);
        socket.SendTo(packet, new IPEndPoint(IPAddress.Parse(destination), 0));
    }
}
