using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Calico.Plugins.Cni;
using Calico.Shim.Wire;
using Calico.TestKit;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>Clients and files that are not what they should be cost nobody else anything.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class PatienceTests
{
    [Test]
    public async Task A_client_that_says_nothing_loses_its_place()
    {
        var time = new FakeTimeProvider();
        await using var cni = new CniHarness(time);
        await cni.StartAsync();
        using var silent = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await silent.ConnectAsync(new UnixDomainSocketEndPoint(cni.Settings.Socket));

        var closed = silent.ReceiveAsync(new byte[1]);
        for (var left = 500; !closed.IsCompleted; left--)
        {
            Assert.That(left, Is.GreaterThan(0), "it is still connected");
            time.Advance(TimeSpan.FromSeconds(5));
            await Task.WhenAny(closed, Task.Delay(20));
        }

        Assert.That(await closed, Is.Zero);
    }

    [Test]
    public async Task Whoever_is_dropped_or_leaves_gives_its_place_to_the_next()
    {
        await using var cni = new CniHarness();
        cni.Settings.MaxCalls = 1;
        await cni.StartAsync();
        foreach (var said in new[] { "GET / HTTP/1.1\r\n\r\n", "" })
        {
            using var rude = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await rude.ConnectAsync(new UnixDomainSocketEndPoint(cni.Settings.Socket));
            await rude.SendAsync(Encoding.ASCII.GetBytes(said));
            rude.Shutdown(SocketShutdown.Send);
            Assert.That(await rude.ReceiveAsync(new byte[16]).WaitAsync(TimeSpan.FromSeconds(10)), Is.Zero, "dropped");
        }

        var reply = await cni.CallAsync("STATUS", """{"cniVersion":"1.1.0","name":"net1","type":"calico"}""")
            .WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(reply.ExitCode, Is.Zero);
    }

    [Test]
    public async Task A_call_that_is_being_served_when_the_adapter_drains_is_cut_when_its_time_is_over_and_not_before()
    {
        const string Delegated =
            """{"cniVersion":"0.4.0","name":"net1","type":"calico","ipam":{"type":"host-local","subnet":"10.88.1.0/24"}}""";
        var time = new ManualTime();
        await using var cni = new CniHarness(time);
        await cni.StartAsync();
        var (inDelegate, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        cni.Delegate = _ =>
        {
            inDelegate.SetResult();
            goOn.Task.Wait();
            return new DelegateOutcome(0, Encoding.UTF8.GetBytes("{}"));
        };
        var call = Task.Run(() => cni.CallAsync("ADD", Delegated));
        await inDelegate.Task.WaitAsync(TimeSpan.FromSeconds(10));
        var stopping = cni.StopAsync();
        for (var left = 1000; !time.Waiting.Contains(cni.Lifetime.DrainTime); left--)
        {
            Assert.That(left, Is.GreaterThan(0), "nothing is to be cut after the time for draining");
            await Task.Delay(5);
        }

        time.Advance(cni.Lifetime.DrainTime - TimeSpan.FromMilliseconds(1));
        Assert.That(stopping.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await stopping.WaitAsync(TimeSpan.FromSeconds(10));
        goOn.SetResult();
        var reply = await call;
        Assert.That(reply.ExitCode, Is.EqualTo(1));
        Assert.That(Encoding.UTF8.GetString(reply.Output.Span), Does.Contain("\"code\":11"), "to be tried again");
        Assert.That(cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task A_file_in_the_spool_that_is_no_DEL_deletes_nothing()
    {
        await using var cni = new CniHarness();
        await cni.Node.Network.ConnectAsync(new()
        {
            Id = new("cni", "c1", "eth0"), Instance = "c1", Network = "net1", Profiles = ["net1"],
            Claim = new() { Handle = "net1.c1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, Placement.In(cni.Node.Namespaces.Open("/run/netns/n1"), "eth0"), default);
        Directory.CreateDirectory(cni.Settings.SpoolDir);
        var file = Path.Combine(cni.Settings.SpoolDir, SpoolName.Of(ShimRole.Network, "c1", "eth0"));
        await File.WriteAllBytesAsync(file,
            new ShimRequest(ShimRole.Network, false, [.. CniHarness.Variables("ADD", "c1", "eth0", "/run/netns/n1", "")],
            Encoding.UTF8.GetBytes("""{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""")).ToFrame()
            .ToArray());

        Assert.That(await cni.Get<DelSpool>().DrainAsync(default), Is.Zero);
        Assert.That(cni.Node.Endpoints, Has.Length.EqualTo(1));
        Assert.That(File.Exists(file + ".broken"), Is.True, "kept for a person");
    }
}
