using System.Collections.Immutable;
using Calico.Linux.Nftables;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.Ports.PortScene;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane.Ports;

/// <summary>Published ports over time: their end, strangers, and a process that is started anew.</summary>
public sealed class PortLifeTests
{
    private static string Tables(PortScene scene) => scene.Node.Host.Inside("nft", "list", "tables");

    [Test]
    public async Task The_table_is_there_while_somebody_publishes_and_an_endpoints_ports_go_with_it()
    {
        await using var scene = await StartAsync();
        Assert.That(Tables(scene), Does.Not.Contain("calico-ports"), "nobody pays for nat that nobody asked for");
        await scene.PublishAsync("a", Tcp(8080));
        await scene.PublishAsync("b", Tcp(8082));
        Assert.That(Ask(scene.Outside, Host4, Tcp(8080)), Is.EqualTo(Outside4));
        await scene.Node.Loop.WithdrawAsync(Id("a"), Deadline());
        var left = scene.Node.Host.Inside("nft", "list", "table", "inet", "calico-ports");
        Assert.That(left, Does.Not.Contain("8080").And.Not.Contain("10.65.0.2").And.Not.Contain("fd65::2").And.Contain("8082"),
            "when it is answered");
        Assert.That(Ask(scene.Outside, Host4, Tcp(8080)), Is.Null);
        await scene.Node.Loop.WithdrawAsync(Id("b"), Deadline());
        Assert.That(Tables(scene), Does.Not.Contain("calico-ports"));
    }

    [TestCase("flush ruleset")]
    [TestCase("delete table inet calico-ports")]
    [TestCase("flush chain inet calico-ports prerouting")]
    [TestCase("flush map inet calico-ports ports-4")]
    [TestCase("flush map inet calico-ports ports-4; add element inet calico-ports ports-4 { tcp . 8080 : 10.65.0.3 . 22 }")]
    [TestCase("insert rule inet calico-ports prerouting accept")]
    public async Task What_a_stranger_does_to_it_is_undone(string command)
    {
        await using var scene = await StartAsync();
        await scene.PublishAsync("a", Tcp(8080), Udp(5353));
        scene.Node.Host.Inside("nft", command);
        await EventuallyAsync(() => Ask(scene.Outside, Host4, Tcp(8080)) == Outside4, "the port to be open again");
        await EventuallyAsync(() => scene.Node.Loop.Status.Healed > 0, "it to be said");
        Assert.That(Ask(scene.Outside, Host6, Udp(5353)), Is.EqualTo(Outside6));
    }

    [Test]
    public async Task A_strangers_table_of_that_name_is_made_ours_and_one_that_is_owned_keeps_no_policy_waiting()
    {
        await using var scene = await StartAsync();
        scene.Node.Host.Inside("nft", "table inet calico-ports { chain x { }; "
            + "chain prerouting { type filter hook prerouting priority 0; tcp dport 8080 drop; }; }");
        await scene.PublishAsync("a", Tcp(8080));
        await EventuallyAsync(() => Ask(scene.Outside, Host4, Tcp(8080)) == Outside4, "the port to be open");

        using (var owner = StrangerTests.Own(scene.Node, "calico-ports"))
        {
            await EventuallyAsync(() => scene.Node.Loop.LastError?.Contains("published ports", StringComparison.Ordinal) == true,
                "it to be said");
            Assert.That(scene.Node.Loop.LastError, Does.Contain("calico-ports is owned by"));
            await scene.PublishAsync("b");
            Assert.That(Ask(scene.Outside, "10.65.0.2", Tcp(80)), Is.EqualTo(Outside4), "policy is enforced all the same");
            owner.Kill();
            await owner.WaitForExitAsync();
        }

        await EventuallyAsync(() => Ask(scene.Outside, Host4, Tcp(8080)) == Outside4, "the port to be open when the owner has gone");
        Assert.That(scene.Node.Loop.LastError, Is.Null);
    }

    [Test]
    public async Task A_process_started_anew_takes_a_dead_endpoints_ports_away_before_it_knows_policy_and_lets_the_others_stand()
    {
        await using var scene = await StartAsync();
        scene.Serve(scene.B, System.Net.Sockets.ProtocolType.Tcp, 80);
        await scene.PublishAsync("a", Tcp(8080));
        await scene.PublishAsync("b", Tcp(8082));
        await scene.Node.RestartAsync();
        Assert.That(Ask(scene.Outside, Host4, Tcp(8080)), Is.EqualTo(Outside4), "nothing is known yet, so nothing is touched");
        using var watch = scene.Node.Host.OpenNft();
        var before = Rules(watch);
        await scene.Node.Loop.SetInitialAsync([Endpoint("a", Tcp(8080))], Deadline());
        await EventuallyAsync(() => Ask(scene.Outside, Host4, Tcp(8082)) is null && !Elements(watch).Any(e => e.Contains("1f92",
            StringComparison.Ordinal)),
            "the dead endpoint's port to be gone");
        Assert.That(Ask(scene.Outside, Host4, Tcp(8080)), Is.EqualTo(Outside4));
        Assert.That(Rules(watch), Is.EqualTo(before), "what was right was not written again");
        scene.Accept();
        await scene.PublishAsync("a", Tcp(8080));
        Assert.That(Ask(scene.Outside, Host4, Tcp(8080)), Is.EqualTo(Outside4));
    }

    private static ImmutableArray<ulong> Rules(NftSocket socket) =>
        [.. socket.ReadTable(new(NftFamily.Inet, "calico-ports"))!.Rules.Select(r => r.Handle)];

    private static IEnumerable<string> Elements(NftSocket socket) =>
        socket.ReadTable(new(NftFamily.Inet, "calico-ports"))!.Elements.Values.SelectMany(e => e).Select(e => e.Key.ToString());
}
