using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>The wall clock jumps by hours in the middle of ADD and DEL: no lease ends, none is kept for ever, every timer goes on.
/// </summary>
[TestFixture]
public sealed partial class ClockJumpTests
{
    private CniHost _cni = null!;
    private ShiftedClock _clock = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _cni = await CniHost.StartAsync(number: 53, startCalico: false);
        _clock = await ShiftedClock.InstallAsync(_cni.Host);
        SplitOrchestrator.Install(_cni.Host);
        await _cni.Host.StartCalicoAsync();
    }

    [TearDown]
    public async Task EndAsync()
    {
        _clock?.Dispose();
        if (_cni is not null)
        {
            await _cni.DisposeAsync();
        }
    }

    [Test]
    public async Task A_clock_that_jumps_ends_no_lease_and_stops_no_timer()
    {
        var split = new SplitOrchestrator(_cni.Host);
        foreach (var name in (string[])["a", "b", "c"])
        {
            await _cni.AddNamespaceAsync(name);
        }

        var a = await _cni.AddAsync("a", "a");
        await _cni.AddAsync("b", "b");
        var unbound = await split.AskAsync("lease unbound");
        using var stop = new CancellationTokenSource();
        var churn = ChurnAsync(stop.Token);
        foreach (var off in (TimeSpan[])[TimeSpan.FromHours(-5), TimeSpan.FromHours(7)])
        {
            _clock.JumpTo(off);
            await TimersGoOnAsync($"after a jump to {off}");
            await _cni.AddAsync("c", "c");
            Assert.That(Math.Abs((await MadeAtAsync("c") - DateTimeOffset.UtcNow - off).TotalSeconds), Is.LessThan(60),
                "the clock under test did not jump");
            Assert.That(await _cni.PingAsync("b", a), Is.True);
            Assert.That(await _cni.PingAsync("c", a), Is.True);
            await _cni.DeleteAsync("c", "c");
            Assert.That(await split.AskAsync("leases"), Is.EqualTo(unbound), "an unbound lease is collected by its age, and it is young");
            var status = (await _cni.Host.CalicoctlAsync("status")).OrThrow().Output;
            var age = ConfirmedAge().Match(status);
            Assert.That(age.Success, Is.True, $"its policy is seconds old\n{status}");
            Assert.That(double.Parse(age.Groups[1].Value, CultureInfo.InvariantCulture), Is.InRange(0, 30), "the age of the policy");
        }

        // Long enough in the future for a round of the collection, which comes every ten seconds.
        await Task.Delay(TimeSpan.FromSeconds(6));
        Assert.That(await split.AskAsync("leases"), Is.EqualTo(unbound));

        // A start takes the clock as it finds it, and collects at once.
        _clock.JumpTo(TimeSpan.FromHours(30));
        await stop.CancelAsync();
        TestContext.Out.WriteLine($"{await churn} lives in the churn");
        await _cni.Host.KillCalicoAsync();
        await _cni.Host.StartCalicoAsync();
        Assert.That(await _cni.PingAsync("b", a), Is.True);
        Assert.That(await split.AskAsync("leases"), Is.EqualTo(unbound));
        await split.AskAsync($"release {unbound}");
        await _cni.DeleteAsync("a", "a");
        await _cni.DeleteAsync("b", "b");
        await _cni.AssertCleanAsync();
    }

    /// <summary>What is repaired by the clock alone, because nothing tells of it, is still repaired in time.</summary>
    private async Task TimersGoOnAsync(string when)
    {
        await _cni.Host.ShellAsync("sysctl -qw net.ipv4.ip_forward=0");
        var since = Stopwatch.StartNew();
        while ((await _cni.Host.ShellAsync("cat /proc/sys/net/ipv4/ip_forward")).Trim() != "1")
        {
            Assert.That(since.Elapsed, Is.LessThan(TimeSpan.FromSeconds(8)), $"forwarding is asserted every 5 s, also {when}");
            await Task.Delay(100);
        }

        TestContext.Out.WriteLine($"{when}: forwarding repaired after {since.Elapsed.TotalSeconds:0.0} s");
    }

    private async Task<DateTimeOffset> MadeAtAsync(string name) => DateTimeOffset.Parse(CreationTime().Match(
        (await _cni.Host.CalicoctlAsync($"get workloadendpoint node1-cni-{name}-eth0 -o yaml")).OrThrow().Output).Groups[1].Value,
            CultureInfo.InvariantCulture);

    private async Task<int> ChurnAsync(CancellationToken stop)
    {
        await _cni.AddNamespaceAsync("churn");
        var lives = 0;
        for (; !stop.IsCancellationRequested; lives++)
        {
            await _cni.AddAsync($"churn{lives}", "churn");
            await _cni.DeleteAsync($"churn{lives}", "churn");
        }

        return lives;
    }

    [GeneratedRegex("creationTimestamp: \"([^\"]*)\"")]
    private static partial Regex CreationTime();

    [GeneratedRegex(@"confirmed (-?[0-9.]+)s ago")]
    private static partial Regex ConfirmedAge();
}
