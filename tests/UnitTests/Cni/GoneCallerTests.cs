using System.Runtime.Versioning;
using Calico.Plugins.Cni;
using Calico.Shim.Wire;
using NUnit.Framework;
using static Calico.UnitTests.Cni.CniAnswer;

namespace Calico.UnitTests.Cni;

/// <summary>Calls whose caller has gone: given up by the runtime, answered by the spool, or killed.</summary>
[Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class GoneCallerTests : IDisposable
{
    private const string Ours = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim _reached = new(0);
    private readonly SemaphoreSlim _goOn = new(0);
    private CniHarness _cni = null!;

    [SetUp]
    public void Make() => _cni = new CniHarness();

    [TearDown]
    public async Task EndAsync() => await _cni.DisposeAsync();

    public void Dispose()
    {
        _reached.Dispose();
        _goOn.Dispose();
    }

    [Test]
    public async Task B5_what_was_given_up_while_the_host_was_stopped_is_not_run()
    {
        _cni.Bind();
        (await _cni.SendAsync("ADD", Ours)).Dispose();
        (await _cni.SendAsync("ADD", Ours, role: ShimRole.Ipam)).Dispose();
        var waiting = _cni.CallAsync("ADD", Ours, containerId: "c2");
        await _cni.StartAsync();
        // Comes last, so the others have been looked at.
        Assert.That((await _cni.CallAsync("ADD", Ours, containerId: "c3")).ExitCode, Is.Zero);
        Assert.That((await waiting).ExitCode, Is.Zero);
        await _cni.StopAsync();

        Assert.That(_cni.Node.Endpoints.Select(e => e.Spec.Instance), Is.EquivalentTo(new[] { "c2", "c3" }));
        Assert.That(_cni.Node.Leases, Has.Length.EqualTo(2));
    }

    [Test]
    public async Task B5_an_add_and_its_answered_del_of_a_stopped_host_leave_nothing_and_harm_no_later_life()
    {
        _cni.Bind();
        (await _cni.SendAsync("ADD", Ours)).Dispose();
        (await _cni.SendAsync("DEL", Ours)).Dispose();
        var spooled = new ShimRequest(ShimRole.Network, false, CniHarness.Variables("DEL", "c1", "eth0", "", ""),
            System.Text.Encoding.UTF8.GetBytes(Ours));
        Directory.CreateDirectory(_cni.Settings.SpoolDir);
        await File.WriteAllBytesAsync(Path.Combine(_cni.Settings.SpoolDir, SpoolName.Of(ShimRole.Network, "c1", "eth0")), spooled.ToFrame()
            .ToArray());
        // podman uses the id again; this caller waits.
        var again = _cni.CallAsync("ADD", Ours);
        await _cni.StartAsync();

        Assert.That((await again).ExitCode, Is.Zero);
        await _cni.StopAsync();
        Assert.That(_cni.Node.Endpoints, Has.Length.EqualTo(1));
        Assert.That(Directory.GetFiles(_cni.Settings.SpoolDir), Is.Empty);
        Assert.That(_cni.Node.Faults.Passed.Count(p => p == "network.connect"), Is.EqualTo(1));
    }

    [Test]
    public async Task B5_an_add_whose_answer_nobody_reads_is_undone([Values] bool ipamAlone)
    {
        await _cni.StartAsync();
        HoldAt(ipamAlone ? "ipam.claim" : "network.connect");
        var caller = await _cni.SendAsync("ADD", Ours, role: ipamAlone ? ShimRole.Ipam : ShimRole.Network);
        await ReachedAsync();
        caller.Dispose();
        _goOn.Release();
        await _cni.StopAsync();

        Assert.That(_cni.Node.Endpoints, Is.Empty);
        Assert.That(_cni.Node.Leases, Is.Empty);
    }

    [Test]
    public async Task B5_an_add_that_repeats_one_that_stands_is_not_undone()
    {
        await _cni.StartAsync();
        await _cni.CallAsync("ADD", Ours);
        await _cni.CallAsync("ADD", Ours, role: ShimRole.Ipam);
        HoldAt("network.connect");
        var caller = await _cni.SendAsync("ADD", Ours);
        await ReachedAsync();
        caller.Dispose();
        _goOn.Release();
        _cni.Node.Faults.Passing = null;
        (await _cni.SendAsync("ADD", Ours, role: ShimRole.Ipam)).Dispose();
        await _cni.StopAsync();

        Assert.That(_cni.Node.Endpoints, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task B5_an_add_that_is_asked_for_again_while_it_is_undone_stands()
    {
        await _cni.StartAsync();
        HoldAt("network.connect");
        var first = await _cni.SendAsync("ADD", Ours);
        await ReachedAsync();
        first.Dispose();
        var second = _cni.CallAsync("ADD", Ours);
        _goOn.Release(2);

        Assert.That((await second).ExitCode, Is.Zero, Text(await second));
        await _cni.StopAsync();
        Assert.That(_cni.Node.Endpoints, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task B5_a_call_in_the_middle_of_which_the_caller_leaves_is_told()
    {
        using var cancelled = new SemaphoreSlim(0);
        await _cni.StartAsync();
        _cni.Node.Faults.Waiting = async ct =>
        {
            _reached.Release();
            try
            {
                await Task.Delay(Timeout.Infinite, ct);
            }
            catch (OperationCanceledException)
            {
                cancelled.Release();
                throw;
            }
        };
        var caller = await _cni.SendAsync("ADD", Ours);
        await ReachedAsync();
        caller.Dispose();

        Assert.That(await cancelled.WaitAsync(Patience), "the call goes on for nobody");
        await _cni.StopAsync();
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    private void HoldAt(string point) => _cni.Node.Faults.Passing = passed =>
    {
        if (passed == point)
        {
            _reached.Release();
            Assert.That(_goOn.Wait(Patience), "not told to go on");
        }
    };

    private async Task ReachedAsync() => Assert.That(await _reached.WaitAsync(Patience), "the call did not come so far");
}
