using System.Runtime.Versioning;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>What the adapter and the shim tell of a call's time.</summary>
[Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class CniTimingsTests
{
    private const string Ours = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";

    [Test]
    public async Task S12_add_and_del_tell_their_stages_and_other_verbs_none()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        await cni.CallAsync("ADD", Ours);
        await cni.CallAsync("CHECK", Ours);
        await cni.CallAsync("DEL", Ours);
        await cni.StopAsync();

        Assert.That(cni.Timings.Ended.Select(c => (c.Of, c.IsDone)), Is.EqualTo(new[] { (("ADD", "c1"), true), (("DEL", "c1"), true) }));
        Assert.That(cni.Timings.Ended[0].Stages, Is.EqualTo(new[] { "wait", "parse", "lookup", "profile", "plan", "plan", "answer" }));
        Assert.That(cni.Timings.Ended[1].Stages, Is.EqualTo(new[] { "wait", "parse", "lookup", "answer" }));
    }

    [Test]
    public async Task S12_a_call_that_is_refused_or_whose_caller_goes_is_not_done()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        await cni.CallAsync("ADD", "{");
        var reached = new TaskCompletionSource();
        cni.Node.Faults.Waiting = ct =>
        {
            reached.SetResult();
            return Task.Delay(Timeout.Infinite, ct);
        };
        var gone = await cni.SendAsync("ADD", Ours);
        await reached.Task;
        gone.Dispose();
        await cni.StopAsync();

        Assert.That(cni.Timings.Ended.Select(c => c.IsDone), Is.EqualTo(new[] { false, false }));
    }

    [TestCase("1500000 1000000000 1002000000", true)]
    [TestCase(null, false, Description = "a shim of the version before")]
    [TestCase("", false)]
    [TestCase("1 2", false)]
    [TestCase("1 2 x", false)]
    [TestCase("1 2 3 4", false)]
    [TestCase("-1 1000000000 1002000000", false)]
    [TestCase("1 1003000000 1002000000", false, Description = "sent before it began")]
    [TestCase("1 1000000000 1009000000", false, Description = "sent after it was received: another clock")]
    [TestCase("1 0 99999999999999999999", false)]
    public void S12_the_shims_times_are_believed_where_they_can_be(string? text, bool isRead)
    {
        Assert.That(ShimTimes.TryRead(text, 1_005_000_000, out var times), Is.EqualTo(isRead));
        Assert.That(times, Is.EqualTo(isRead
            ? (TimeSpan.FromMilliseconds(1.5), TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(3)) : default));
    }

    [Test]
    public void S12_what_the_shim_writes_the_host_reads() =>
        Assert.That(ShimTimes.TryRead(new ShimTimes(TimeSpan.FromMilliseconds(1), 5_000_000, 6_000_000).Text, 8_000_000, out var times)
            ? times : default, Is.EqualTo((TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2))));
}
