using System.Diagnostics;
using System.Text.Json.Nodes;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>What a person is told of a host whose traffic is dead, whose store holds more than it obeys, or that is stopped.</summary>
[TestFixture, Parallelizable]
public sealed class TellingStatusTests
{
    private CniHost _cni = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _cni = await CniHost.StartAsync(number: 37);
        await _cni.AddNamespaceAsync("web");
        await _cni.AddAsync("0123456789abcdef0123456789abcdef", "web", args: "K8S_POD_NAME=shop-front;IgnoreUnknown=1");
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_cni is not null)
        {
            await _cni.DisposeAsync();
        }
    }

    [Test]
    public async Task A16_an_endpoint_whose_profile_cannot_be_used_is_not_called_enforced()
    {
        Assert.That((await CtlAsync("get wep -o wide")).Output,
            Does.Contain("shop-front").And.Contain("0123456789ab ").And.Contain("enforced"));
        Assert.That((await CtlAsync("delete profile net1")).Error, Does.Contain("Profile(net1) is in use by 1 endpoint: shop-front"));

        (await CtlAsync(
            """patch profile net1 -p '{"spec":{"egress":[{"action":"Allow","destination":{"services":{"name":"s"}}}]}}'""")).OrThrow();
        await UntilAsync("status", "1 with an unusable profile");
        var status = (await CtlAsync("status")).Output;
        Assert.That(status, Does.Contain("READY, 1 warning").And.Contain("! profile   'net1' cannot be used (").And
            .Contain("shop-front drop what it should allow"));
        Assert.That((await CtlAsync("get wep -o wide")).Output, Does.Not.Contain("enforced"));
        var json = JsonNode.Parse((await CtlAsync("status -o json")).OrThrow().Output)!;
        Assert.That((string?)json["apiVersion"], Is.EqualTo("net.calico/v1"));
        Assert.That((int?)json["endpoints"]!["ProfileUnusable"], Is.EqualTo(1));

        (await CtlAsync("""patch profile net1 -p '{"spec":{"egress":[{"action":"Allow"}]}}'""")).OrThrow();
        await UntilAsync("status", "1: 1 enforced");
    }

    [Test]
    public async Task B14_what_stands_in_the_store_and_is_not_enforced_is_listed()
    {
        var applied = (await CtlAsync("apply -f -",
            "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: web}\nspec: {peerIP: 192.0.2.1, asNumber: 64512}\n"))
                .OrThrow();
        Assert.That(applied.Error, Is.EqualTo("Warning: BGPPeer is stored and not enforced: this version does not act on it\n"));

        await UntilAsync("status", "idle        in the store and not enforced: 1 BGPPeer");
        (await CtlAsync("delete bgppeer web")).OrThrow();
        await UntilAsync("status", "drops", "not enforced");
    }

    [Test]
    public async Task B5_a_stopped_host_keeps_nobody_waiting()
    {
        await _cni.Host.SignalCalicoAsync("STOP");
        try
        {
            foreach (var command in (string[])["status", "get pools", "ipam check", "drops"])
            {
                var clock = Stopwatch.StartNew();
                var result = await CtlAsync(command);
                Assert.That(result.ExitCode, Is.EqualTo(1), command);
                Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(15)), command);
                Assert.That(result.Error, Does.Contain("5 s"), command);
            }
        }
        finally
        {
            await _cni.Host.SignalCalicoAsync("CONT");
        }

        (await CtlAsync("status --wait 20s")).OrThrow();
    }

    private Task<CommandResult> CtlAsync(string arguments, string? input = null) => _cni.Host.CalicoctlAsync(arguments, input);

    private async Task UntilAsync(string command, string has, string? hasNot = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var output = (await CtlAsync(command)).Output;
            if (output.Contains(has, StringComparison.Ordinal) && (hasNot is null || !output.Contains(hasNot, StringComparison.Ordinal)))
            {
                return;
            }

            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), $"'{has}' is not said:\n{output}");
            await Task.Delay(50);
        }
    }
}
