using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Calico.Dataplane.Drops;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;
using Calico.KernelTests.Dataplane.Hosts;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane;

/// <summary>Dropped packets are told of with what dropped them, and whose they were; a flood of them is not.</summary>
public sealed class DropTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    [Test]
    public async Task Drop_says_the_rule_the_endpoint_and_the_packet()
    {
        await using var node = new PretendNode();
        var drops = Watch(node);
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        node.Accept(Profile("open", AllowAll),
            Policy("shut", new Rule { Action = "Allow", Protocol = new("UDP") }, new Rule { Action = "Deny", Protocol = new("ICMP") }));
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");

        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
        var byRule = await NextAsync(drops, d => d.Reason == "policy");
        Assert.That($"{byRule.Rule}", Is.EqualTo("default/GlobalNetworkPolicy(shut) rule 1 @1"));
        Assert.That((byRule.InterfaceName, byRule.Direction), Is.EqualTo(("calib", PolicyDirection.Ingress)));
        Assert.That((byRule.Packet!.Value.Source.ToShortString(), byRule.Packet.Value.Destination.ToShortString()),
            Is.EqualTo(("10.65.0.2", "10.65.0.3")));
        Assert.That((byRule.Packet.Value.Protocol, byRule.Packet.Value.Icmp), Is.EqualTo(((byte)1, new IcmpTypeCode(8, 0))));

        Send(a, "10.65.0.3", 4000, ProtocolType.Tcp);
        var byEnd = await NextAsync(drops, d => d.Reason == "tier-default");
        Assert.That($"{byEnd.Rule}", Is.EqualTo("end of tier default"));
        Assert.That((byEnd.InterfaceName, byEnd.Packet!.Value.DestinationPort), Is.EqualTo(("calib", (ushort)4000)));

        await node.PublishAsync("a", "10.65.0.2/32");
        Assert.That(CanPing(a, "10.65.0.3"), Is.False);
        var byNobody = await NextAsync(drops, d => d.Reason == "profile-none");
        Assert.That((byNobody.InterfaceName, byNobody.Direction, byNobody.Rule),
            Is.EqualTo(("calia", PolicyDirection.Egress, (Provenance?)null)));
        Assert.That(await node.DropsAsync("policy"), Is.EqualTo(1));
    }

    [Test]
    public async Task Staged_drop_is_told_and_not_done()
    {
        await using var node = new PretendNode();
        var drops = Watch(node);
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32");
        await node.WireAsync("b", "10.65.0.3/32");
        node.Accept(Profile("open", AllowAll),
            Staged("shut", new Rule { Action = "Deny", Protocol = new("ICMP"), IpVersion = 4 },
                new Rule { Action = "Allow", Protocol = new("UDP"), Destination = new() { Ports = [new(4001)] } }));
        await node.PublishAsync("a", "10.65.0.2/32", "open");
        await node.PublishAsync("b", "10.65.0.3/32", "open");
        // What somebody marked comes through with his mark, told of or not.
        node.Host.Inside("nft", "add table inet probe { chain before { type filter hook prerouting priority -500; meta mark set 0x5; }; "
            + "chain after { type filter hook forward priority 500; meta mark 0x5 counter; counter; }; }");

        Assert.That(CanPing(a, "10.65.0.3"), Is.True);
        var byRule = await NextAsync(drops, d => d.IsStaged);
        Assert.That((byRule.Rule!.Source.Name, byRule.Rule.RuleIndex, byRule.InterfaceName, byRule.Direction),
            Is.EqualTo(("shut", 0, "calib", PolicyDirection.Ingress)));
        Assert.That(byRule.Packet!.Value.Protocol, Is.EqualTo(1));

        // Nothing of it matches. Enforced it would be alone in its tier, which denies at its end.
        SendUdp(a, 4000);
        var byEnd = await NextAsync(drops, d => d.IsStaged && d.Packet!.Value.Protocol == 17);
        Assert.That((byEnd.Rule!.Source.Name, byEnd.Rule.RuleIndex, byEnd.Packet!.Value.DestinationPort),
            Is.EqualTo(("shut", -1, (ushort)4000)));
        await IsNotToldAsync(4001, "what it would allow");
        Assert.That(node.Host.Inside("nft", "list", "chain", "inet", "probe", "after"),
            Does.Match("mark 0x0*5 counter packets (\\d+) [^\n]*\n\\s*counter packets \\1 "));

        node.Loop.Accept(new(SyncStatus.InSync, 2, [new(Kinds.GlobalNetworkPolicy.Key("allow"), Policy("allow", AllowAll))]));
        await EventuallyAsync(() => node.Loop.Status.EnforcedRevision >= 2, "the change");
        await IsNotToldAsync(4002, "beside an enforced one the end of the tier denies in any case");
        Assert.That(await node.DropsAsync("policy") + await node.DropsAsync("tier-default"), Is.Zero);

        async Task IsNotToldAsync(ushort port, string why)
        {
            SendUdp(a, port);
            Assert.That(CanPing(a, "10.65.0.3"), Is.True);
            var next = await NextAsync(drops, d => d.Packet?.Protocol == 1 || d.Packet?.DestinationPort == port);
            Assert.That(next.Packet!.Value.Protocol, Is.EqualTo(1), why);
        }

        static void SendUdp(Linux.ScratchNamespace from, ushort port)
        {
            using var socket = Open(from, SocketType.Dgram, ProtocolType.Udp);
            socket.SendTo("x"u8.ToArray(), new IPEndPoint(IPAddress.Parse("10.65.0.3"), port));
        }
    }

    [Test]
    public async Task Drop_by_a_host_endpoint_is_of_the_hosts_interface()
    {
        await using var gateway = await GatewayHost.StartAsync();
        var drops = Watch(gateway.Node);
        gateway.Listen(gateway.Host, 80);
        await gateway.ApplyAsync(GatewayHost.HostEndpoint("web", "eth0", labels: ("role", "gateway")),
            GatewayHost.Policy("shut", new() { Selector = "role == 'gateway'", Ingress = [GatewayHost.Rule("Deny", 80)] }));
        Assert.That(GatewayHost.Connects(gateway.Outside, GatewayHost.HostAddress, 80), Is.False);
        var drop = await NextAsync(drops, d => d.Reason == "policy");
        Assert.That((drop.InterfaceName, drop.Direction, drop.Rule!.Source.Name), Is.EqualTo(("eth0", PolicyDirection.Ingress, "shut")));
    }

    [Test]
    public async Task Flood_of_drops_is_counted_and_not_told()
    {
        await using var node = new PretendNode();
        var drops = Watch(node);
        await node.StartAsync();
        var a = await node.WireAsync("a", "10.65.0.2/32");
        node.Accept();
        node.Host.Inside("ip", "address", "add", "192.0.2.1/32", "dev", "lo");
        await node.PublishAsync("a", "10.65.0.2/32", "none");
        const int Flood = 20_000;
        using var socket = Open(a, SocketType.Dgram, ProtocolType.Udp);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (var i = 0; i < Flood; i++)
        {
            socket.SendTo("x"u8.ToArray(), new IPEndPoint(IPAddress.Parse("192.0.2.1"), 4000));
        }

        Assert.That(await node.DropsAsync("policy-unusable"), Is.EqualTo(Flood));
        await NextAsync(drops, d => d.Reason == "policy-unusable");
        // What is collected comes within a tenth of a second; the last of it needs no longer than the next look.
        await Task.Delay(300);
        var bound = node.Options.DropsToldPerSecond * (2 + (int)clock.Elapsed.TotalSeconds);
        Assert.That(drops, Has.Count.LessThanOrEqualTo(bound));
    }

    private static ConcurrentQueue<DroppedPacket> Watch(PretendNode node)
    {
        var drops = new ConcurrentQueue<DroppedPacket>();
        node.Loop.Dropped += (_, packet) => drops.Enqueue(packet);
        return drops;
    }

    /// <summary>The next one that is meant. What comes before it is thrown away.</summary>
    private static async Task<DroppedPacket> NextAsync(ConcurrentQueue<DroppedPacket> drops, Func<DroppedPacket, bool> isMeant)
    {
        DroppedPacket? found = null;
        await EventuallyAsync(() => drops.TryDequeue(out found) && isMeant(found), "a drop to be told");
        return found!;
    }

    private static Resource Policy(string name, params Rule[] ingress) => new Resource<GlobalNetworkPolicySpec>
    {
        Kind = "GlobalNetworkPolicy",
        Metadata = new() { Name = name, ResourceVersion = "1" },
        Spec = new() { Order = 1, Types = ["Ingress"], Ingress = [.. ingress] },
    };

    private static Resource Staged(string name, params Rule[] ingress) => new Resource<StagedGlobalNetworkPolicySpec>
    {
        Kind = Kinds.StagedGlobalNetworkPolicy.Name,
        Metadata = new() { Name = name, ResourceVersion = "1" },
        Spec = new() { StagedAction = "Set", Order = 0, Types = ["Ingress"], Ingress = [.. ingress] },
    };

    private static void Send(Linux.ScratchNamespace from, string address, int port, ProtocolType protocol)
    {
        using var socket = Open(from, SocketType.Stream, protocol);
        _ = socket.ConnectAsync(IPAddress.Parse(address), port).Wait(200);
    }
}
