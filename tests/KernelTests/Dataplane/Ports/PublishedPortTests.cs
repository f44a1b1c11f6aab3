using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.Ports.PortScene;
using static Calico.KernelTests.Dataplane.PretendNode;

namespace Calico.KernelTests.Dataplane.Ports;

/// <summary>Published ports, with packets: who comes through, whom the workload sees, and who does not.</summary>
public sealed class PublishedPortTests
{
    /// <summary>The kernel keeps its own loopback in a table of its own, asked first.</summary>
    private const string NoLoopback =
        "ip route del local 127.0.0.0/8 table local 2>/dev/null; ip route del local 127.0.0.1 table local 2>/dev/null; ";

    private static readonly Felix.ForwardedPort[] Both = [Tcp(8080), Udp(5353)];

    [Test]
    public async Task A_port_leads_from_outside_the_host_a_neighbour_and_the_workload_itself_in_both_families()
    {
        await using var scene = await StartAsync();
        await scene.PublishAsync("a", Both);
        var host = scene.Node.Host;
        Assert.Multiple(() =>
        {
            foreach (var port in Both)
            {
                Assert.That(Ask(scene.Outside, Host4, port), Is.EqualTo(Outside4), $"outside, {port.Protocol}");
                Assert.That(Ask(scene.Outside, Host6, port), Is.EqualTo(Outside6), $"outside, IPv6, {port.Protocol}");
                Assert.That(Ask(host, Host4, port), Is.EqualTo(Host4), $"the host by its address, {port.Protocol}");
                Assert.That(Ask(host, Host6, port), Is.EqualTo(Host6), $"the host by its address, IPv6, {port.Protocol}");
                Assert.That(Ask(host, "127.0.0.1", port), Is.EqualTo(Host4), $"the host by 127.0.0.1, {port.Protocol}");
                Assert.That(Ask(scene.B, Host4, port), Is.EqualTo("10.65.0.3"), $"another workload, {port.Protocol}");
                Assert.That(Ask(scene.B, Host6, port), Is.EqualTo("fd65::3"), $"another workload, IPv6, {port.Protocol}");
                Assert.That(Ask(scene.A, Host4, port), Is.EqualTo(Host4), $"itself, {port.Protocol}");
                Assert.That(Ask(scene.A, Host6, port), Is.EqualTo(Host6), $"itself, IPv6, {port.Protocol}");
            }

            Assert.That(Ask(host, "::1", Both[0]), Is.Null, "[::1] cannot be routed to a workload, as docs/docker.md says");
        });
        Assert.That(host.Inside("nft", "list", "ruleset"), Does.Contain("8080").And.Contain("dnat ip to"), "nft can list it");
    }

    [Test]
    public async Task A_port_of_one_address_is_no_other_addresss_and_goes_before_one_of_all()
    {
        await using var scene = await StartAsync();
        scene.Node.Host.Inside("ip", "address", "add", "192.0.2.9/32", "dev", "lo");
        scene.Outside.Inside("ip", "route", "add", "192.0.2.9/32", "via", Host4);
        scene.Serve(scene.B, ProtocolType.Tcp, 80);
        await scene.PublishAsync("b", Tcp(8080, address: Host4), Tcp(8081, address: Host6));
        Assert.That((Ask(scene.Outside, Host4, Tcp(8080)), Ask(scene.Outside, "192.0.2.9", Tcp(8080)), Ask(scene.Outside, Host6,
            Tcp(8080))),
            Is.EqualTo((Outside4, (string?)null, (string?)null)));
        Assert.That((Ask(scene.Outside, Host6, Tcp(8081)), Ask(scene.Outside, Host4, Tcp(8081))), Is.EqualTo((Outside6, (string?)null)));
        await scene.PublishAsync("b", Tcp(8080, address: "0.0.0.0"));
        Assert.That((Ask(scene.Outside, "192.0.2.9", Tcp(8080)), Ask(scene.Outside, Host6, Tcp(8080))), Is.EqualTo((Outside4,
            (string?)null)));
    }

    /// <summary>CVE-2025-67499.</summary>
    [Test]
    public async Task What_passes_through_the_host_to_another_machines_port_is_left_alone()
    {
        await using var scene = await StartAsync();
        // To a port that lets nobody in: what is led there has no answer.
        await scene.PublishAsync("a", Tcp(8080, container: 81));
        scene.Outside.Inside("ip", "address", "add", "192.0.2.77/32", "dev", "lo");
        scene.Node.Host.Inside("ip", "route", "add", "192.0.2.77/32", "via", Outside4);
        scene.Serve(scene.Outside, ProtocolType.Tcp, 8080);
        Assert.That((Ask(scene.B, "192.0.2.77", Both[0]), Ask(scene.Node.Host, "192.0.2.77", Both[0])), Is.EqualTo(("10.65.0.3", Host4)));
    }

    /// <summary>CVE-2025-54388, CVE-2020-8558.</summary>
    [Test]
    public async Task A_port_of_127_0_0_1_is_the_hosts_own_also_where_others_route_it()
    {
        await using var scene = await StartAsync();
        scene.Node.Host.Inside("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
        await scene.PublishAsync("a", Tcp(8081, address: "127.0.0.1"), Tcp(8080), Udp(5353));
        Assert.That(Ask(scene.Node.Host, "127.0.0.1", Tcp(8081)), Is.EqualTo(Host4));
        Assert.That(Ask(scene.Outside, Host4, Tcp(8081)), Is.Null);
        foreach (var (who, gateway, own) in new[] { (scene.Outside, Host4, Outside4), (scene.B, "169.254.1.1", "10.65.0.3") })
        {
            who.Inside("ip", "link", "set", "lo", "down");
            who.Inside("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
            who.Inside("sh", "-c", NoLoopback + $"ip route replace 127.0.0.0/8 via {gateway} dev eth0 src {own}");
            Assert.That(Ask(who, Host4, Tcp(8080)), Is.Not.Null, "the probe works");
            Assert.That((Ask(who, "127.0.0.1", Tcp(8081)), Ask(who, "127.0.0.1", Tcp(8080))), Is.EqualTo(((string?)null, (string?)null)));
        }

        // What comes for 127.0.0.1 has no answer that arrives. It does come in, and stays the host's own.
        using var own5353 = scene.Node.Host.Broker.Run(scene.Node.Host.File,
            () => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        own5353.Bind(new IPEndPoint(IPAddress.Any, 5353));
        _ = Ask(scene.Outside, "127.0.0.1", Udp(5353));
        Assert.That(own5353.Poll(TimeSpan.FromSeconds(1), SelectMode.SelectRead), "it was led to nobody");
    }

    [Test]
    public async Task Answers_to_127_0_0_1_come_in_by_the_links_of_workloads_that_publish_and_what_these_send_there_is_dropped()
    {
        await using var scene = await StartAsync();
        scene.Serve(scene.Node.Host, ProtocolType.Tcp, 2379);
        string Localnet(string link) => scene.Node.Host.Inside("cat", $"/proc/sys/net/ipv4/conf/{link}/route_localnet").Trim();
        Assert.That((Localnet("calia"), Localnet("calib")), Is.EqualTo(("0", "0")));
        await scene.PublishAsync("a", Tcp(8080));
        Assert.That((Localnet("calia"), Localnet("calib")), Is.EqualTo(("1", "0")));
        scene.Node.Host.Inside("sysctl", "-qw", "net.ipv4.conf.calia.route_localnet=0");
        await EventuallyAsync(() => Localnet("calia") == "1", "a stranger's change to be undone");

        scene.A.Inside("ip", "link", "set", "lo", "down");
        scene.A.Inside("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1");
        scene.A.Inside("sh", "-c", NoLoopback + "ip route replace 127.0.0.0/8 via 169.254.1.1 dev eth0 src 10.65.0.2");
        var before = await scene.Node.DropsAsync("martian");
        Assert.That(Ask(scene.A, "127.0.0.1", ProtocolType.Tcp, 2379), Is.Null);
        Assert.That(await scene.Node.DropsAsync("martian"), Is.GreaterThan(before));

        await scene.PublishAsync("a", Tcp(8080, address: Host4));
        Assert.That(Localnet("calia"), Is.EqualTo("0"), "nothing comes by 127.0.0.1 any more");
    }

    /// <summary>CVE-2019-9946.</summary>
    [Test]
    public async Task Policy_judges_by_the_workloads_own_port()
    {
        await using var scene = await StartAsync();
        await scene.PublishAsync("a", Tcp(8080), Tcp(80, container: 81));
        Assert.That(Ask(scene.Outside, Host4, Tcp(8080)), Is.EqualTo(Outside4));
        var before = await scene.Node.DropsAsync("profile-none");
        Assert.That(Ask(scene.Outside, Host4, Tcp(80)), Is.Null, "host port 80 is allowed to nobody; the workload's 81 counts");
        Assert.That(await scene.Node.DropsAsync("profile-none"), Is.GreaterThan(before));
    }

    [Test]
    public async Task A_datagram_port_takes_effect_for_who_is_sending_already_and_ends_for_them()
    {
        await using var scene = await StartAsync();
        using var sender = scene.Outside.Broker.Run(scene.Outside.File, () => new Socket(AddressFamily.InterNetwork, SocketType.Dgram,
            ProtocolType.Udp));
        using var atHost = scene.Node.Host.Broker.Run(scene.Node.Host.File, () => new Socket(AddressFamily.InterNetwork, SocketType.Dgram,
            ProtocolType.Udp));
        // Somebody has the port, so that there is a connection to it that is not translated.
        atHost.Bind(new IPEndPoint(IPAddress.Any, 5353));
        var target = new IPEndPoint(IPAddress.Parse(Host4), 5353);
        Assert.That(Ask(sender, target), Is.Null);
        await scene.PublishAsync("a", Udp(5353));
        await EventuallyAsync(() => Ask(sender, target) == Outside4, "the mapping to hold for a sender that never pauses");

        await scene.PublishAsync("a");
        await EventuallyAsync(() => Ask(sender, target) is null, "the mapping to end for it");
        while (atHost.Poll(TimeSpan.Zero, SelectMode.SelectRead))
        {
            atHost.Receive(new byte[8]);
        }

        _ = Ask(sender, target);
        Assert.That(atHost.Poll(TimeSpan.FromSeconds(1), SelectMode.SelectRead), "who has the port gets it");
    }

    [Test]
    public async Task A_port_of_sctp_leads_where_the_kernel_has_it()
    {
        const ProtocolType Sctp = (ProtocolType)132;
        await using var scene = await StartAsync();
        try
        {
            scene.Serve(scene.A, Sctp, 80);
        }
        catch (SocketException e)
        {
            Assert.Ignore($"this kernel has no sockets of SCTP: {e.Message}");
        }

        scene.Node.Accept(Profile("open", new Datastore.Resources.V3.Rule { Action = "Allow" }));
        await scene.PublishAsync("a", new Felix.ForwardedPort(Sctp, null, 8080, 80));
        Assert.That(Ask(scene.Outside, Host4, Sctp, 8080), Is.EqualTo(Outside4));
    }
}
