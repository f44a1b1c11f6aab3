using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>The wall clock jumps by hours in the middle of ADD and DEL: no lease ends, none is kept for ever, every timer goes on.</summary>
[TestFixture]
public sealed partial class ClockJumpTests
{
    private CniHost cni = null!;
    private ShiftedClock clock = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        cni = await CniHost.StartAsync(number: 53, startCalico: false);
        clock = await ShiftedClock.InstallAsync(cni.Host);
        SplitOrchestrator.Install(cni.Host);
        await cni.Host.StartCalicoAsync();
    }

    [TearDown]
    public async Task EndAsync()
    {
        clock?.Dispose();
        if (cni is not null)
        {
            await cni.DisposeAsync();
        }
    }

    [Test]
    public async Task A_clock_that_jumps_ends_no_lease_and_stops_no_timer()
    {
        var split = new SplitOrchestrator(cni.Host);
        foreach (var name in (string[])["a", "b", "c"])
        {
            await cni.AddNamespaceAsync(name);
        }

        var a = await cni.AddAsync("a", "a");
        await cni.AddAsync("b", "b");
        var unbound = await split.AskAsync("lease unbound");
        using var stop = new CancellationTokenSource();
        var churn = ChurnAsync(stop.Token);
        foreach (var off in (TimeSpan[])[TimeSpan.FromHours(-5), TimeSpan.FromHours(7)])
        {
            clock.JumpTo(off);
            await TimersGoOnAsync($"after a jump to {off}");
            await cni.AddAsync("c", "c");
            Assert.That(Math.Abs((await MadeAtAsync("c") - DateTimeOffset.UtcNow - off).TotalSeconds), Is.LessThan(60), "the clock under test did not jump");
            Assert.That(await cni.PingAsync("b", a), Is.True);
            Assert.That(await cni.PingAsync("c", a), Is.True);
            await cni.DeleteAsync("c", "c");
            Assert.That(await split.AskAsync("leases"), Is.EqualTo(unbound), "an unbound lease is collected by its age, and it is young");
            var age = ConfirmedAge().Match((await cni.Host.CalicoctlAsync("status")).OrThrow().Output);
            Assert.That(double.Parse(age.Groups[1].Value, CultureInfo.InvariantCulture), Is.InRange(0, 30), "the age of the policy");
        }

        // Long enough in the future for a round of the collection, which comes every ten seconds.
        await Task.Delay(TimeSpan.FromSeconds(6));
        Assert.That(await split.AskAsync("leases"), Is.EqualTo(unbound));

        // A start takes the clock as it finds it, and collects at once.
        clock.JumpTo(TimeSpan.FromHours(30));
        await stop.CancelAsync();
        TestContext.Out.WriteLine($"{await churn} lives in the churn");
        await cni.Host.KillCalicoAsync();
        await cni.Host.StartCalicoAsync();
        Assert.That(await cni.PingAsync("b", a), Is.True);
        Assert.That(await split.AskAsync("leases"), Is.EqualTo(unbound));
        await split.AskAsync($"release {unbound}");
        await cni.DeleteAsync("a", "a");
        await cni.DeleteAsync("b", "b");
        await cni.AssertCleanAsync();
    }

    /// <summary>What is repaired by the clock alone, because nothing tells of it, is still repaired in time.</summary>
    private async Task TimersGoOnAsync(string when)
    {
        await cni.Host.ShellAsync("sysctl -qw net.ipv4.ip_forward=0");
        var since = Stopwatch.StartNew();
        while ((await cni.Host.ShellAsync("cat /proc/sys/net/ipv4/ip_forward")).Trim() != "1")
        {
            Assert.That(since.Elapsed, Is.LessThan(TimeSpan.FromSeconds(8)), $"forwarding is asserted every 5 s, also {when}");
            await Task.Delay(100);
        }

        TestContext.Out.WriteLine($"{when}: forwarding repaired after {since.Elapsed.TotalSeconds:0.0} s");
    }

    private async Task<DateTimeOffset> MadeAtAsync(string name) => DateTimeOffset.Parse(CreationTime().Match(
        (await cni.Host.CalicoctlAsync($"get workloadendpoint node1-cni-{name}-eth0 -o yaml")).OrThrow().Output).Groups[1].Value, CultureInfo.InvariantCulture);

    private async Task<int> ChurnAsync(CancellationToken stop)
    {
        await cni.AddNamespaceAsync("churn");
        var lives = 0;
        for (; !stop.IsCancellationRequested; lives++)
        {
            await cni.AddAsync($"churn{lives}", "churn");
            await cni.DeleteAsync($"churn{lives}", "churn");
        }

        return lives;
    }

    [GeneratedRegex("creationTimestamp: \"([^\"]*)\"")]
    private static partial Regex CreationTime();

    [GeneratedRegex(@"confirmed (-?[0-9.]+) s ago")]
    private static partial Regex ConfirmedAge();
}
