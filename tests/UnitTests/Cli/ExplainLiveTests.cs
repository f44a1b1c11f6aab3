using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary><c>calicoctl explain --live</c>: what was explained is compared with what this machine's host says its kernel holds.</summary>
[TestFixture, Parallelizable]
public sealed class ExplainLiveTests
{
    private const string Path = "/enforced?interface=eth0";

    private const string Program = """
        "host endpoint one","ingress:","  tier default: GlobalNetworkPolicy(hosts)",
        "    Allow protocol 6 to ports 443    # default/GlobalNetworkPolicy(hosts) rule 0","    Deny any    # end of tier default",
        "  Deny any    # no profile decides","egress:","  tier default: GlobalNetworkPolicy(hosts)",
        "    Allow any    # default/GlobalNetworkPolicy(hosts) rule 0","    Deny any    # end of tier default",
        "  Deny any    # no profile decides","forwarded ingress:","  Pass any    # no policy decides",
        "forwarded egress:","  Pass any    # no policy decides","untracked ingress:","  Pass any    # no policy decides",
        "untracked egress:","  Pass any    # no policy decides","before destination NAT:","  Pass any    # no policy decides"
        """;

    private CliRun _cli = null!;
    private FakeHost _host = null!;

    [SetUp]
    public async Task FillAsync()
    {
        _cli = await TwoHosts.FillAsync();
        _cli.Time = new HastyTime();
        _host = new FakeHost().With("/interfaces", """{"node":"n1","interfaces":[{"name":"eth0","addresses":["192.0.2.1"]}]}""").Start();
        _cli.HostSocket = _host.Socket;
    }

    [TearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    [Test]
    public async Task What_the_kernel_holds_is_compared_rule_by_rule()
    {
        _host.With(Path, Answer("n1", 700, Program));
        Assert.That(await AskAsync("one"), Is.Zero);
        Assert.That(_cli.Lines(),
            Does.EndWith("  live: host n1 eth0: the kernel of this machine was read and holds these rules, of revision 700"));

        _host.With(Path, Answer("n1", 700, Program.Replace("443", "80", StringComparison.Ordinal)));
        Assert.That(await AskAsync("one"), Is.EqualTo(1));
        Assert.That(_cli.Lines(),
            Does.Contain("the kernel of this machine holds another program, of revision 700: 'Allow protocol 6 to ports 80"));

        _host.With(Path, """{"node":"n1","inSync":true,"revision":700,"problem":"nft: busy","lines":[]}""");
        Assert.That(await AskAsync("one"), Is.EqualTo(1));
        Assert.That(_cli.Lines(), Does.Contain("may hold something else: nft: busy"));
    }

    [Test]
    public async Task A_host_that_has_not_come_to_the_explained_revision_is_asked_again_and_then_proves_nothing()
    {
        var asked = 0;
        _host.Answers[Path] = () => (200, Answer("n1", ++asked < 4 ? 1 : 700, Program));
        Assert.That(await AskAsync("one"), Is.Zero, _cli.Output);
        Assert.That(asked, Is.EqualTo(4));

        _host.With(Path, Answer("n1", 1, Program));
        Assert.That(await AskAsync("one"), Is.EqualTo(1));
        Assert.That(_cli.Lines(),
            Does.Match("live: host n1 eth0: the kernel of this machine holds revision 1, and revision [0-9]+ was explained$"));

        _host.With(Path, """{"node":"n1","inSync":false,"revision":0,"problem":"","lines":[]}""");
        Assert.That(await AskAsync("one"), Is.EqualTo(1));
        Assert.That(_cli.Lines(), Does.EndWith("the host of this machine is not in sync yet, and the kernel may hold something else"));
    }

    [Test]
    public async Task Where_nothing_is_proved_that_is_said_and_the_command_fails()
    {
        _host.With(Path, Answer("n5", 700, Program));
        Assert.That(await AskAsync("one"), Is.EqualTo(1));
        Assert.That(_cli.Lines(), Does.Contain("live: host n1 eth0: is on another node than this machine's, n5")
            .And.EndsWith("  live: nothing was proved: only the host of each node can be asked, on its own machine"));
        Assert.That(await AskAsync("192.0.2.201"), Is.EqualTo(1));
        Assert.That(_cli.Lines(), Does.EndWith("  live: nothing was proved: no policy is asked on the way"));
    }

    private Task<int> AskAsync(string to) => _cli.RunAsync("", "explain", "--from", "192.0.2.200", "--to", to, "--port", "443", "--live");

    private static string Answer(string node, int revision, string lines) =>
        $$"""{"node":"{{node}}","inSync":true,"revision":{{revision}},"problem":"","lines":[{{lines}}]}""";

    /// <summary>A clock whose pauses are over at once: each moves it on by its length. What limits a call is longer, and stays.</summary>
    private sealed class HastyTime : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _now);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime >= TimeSpan.FromSeconds(1) || dueTime <= TimeSpan.Zero)
            {
                return System.CreateTimer(callback, state, dueTime, period);
            }

            Interlocked.Add(ref _now, dueTime.Ticks);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
