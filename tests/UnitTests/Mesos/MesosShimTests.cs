using System.Diagnostics;
using System.Runtime.Versioning;
using Calico.Shim.Wire;
using Calico.UnitTests.Cni;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>The binary as <c>calico_mesos</c>: standard input to the adapter and back, and what it says alone.</summary>
[TestFixture, Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class MesosShimTests : IDisposable
{
    private ShimBinary _shim = null!;
    private MesosHarness _mesos = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _shim = new();
        _mesos = await MesosHarness.StartAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_mesos is not null)
        {
            await _mesos.DisposeAsync();
        }
    }

    [Test]
    public async Task M18_a_command_goes_to_the_adapter_and_its_reply_comes_back_word_for_word()
    {
        const string allocate = """{"command":"allocate","args":{"hostname":"h","num_ipv4":1,"num_ipv6":1,"uid":"u"}}""";
        Assert.That(await CallAsync(allocate), Is.EqualTo((0, """{"ipv4":["10.65.0.0"],"ipv6":["fd80:24e2:f998:72d6::"],"error":null}""")));
        Assert.That(await CallAsync("""{"command":"release","args":{"uid":"u"}}"""), Is.EqualTo((0, """{"error":null}""")));
        Assert.That(await CallAsync("{}"), Is.EqualTo((1, """{"error":"Missing command"}""")));
        Assert.That((await CallAsync("")).ExitCode, Is.EqualTo(1));
    }

    [Test]
    public async Task M18_words_are_answered_in_plain_text_and_their_errors_are_not_on_standard_output()
    {
        var (code, address) = await CallAsync("", words: "assign_ipv4");
        Assert.That((code, address), Is.EqualTo((0, "10.65.0.0\n")));
        Assert.That(await CallAsync("", words: "cleanup nobody"), Is.EqualTo((1, "")));
        await _mesos.NetModulesAsync("""{"command":"release","args":{"ips":["10.65.0.0"]}}""");
    }

    [Test]
    public async Task M18_a_request_that_is_too_long_is_read_away_and_refused()
    {
        Assert.That(await CallAsync(new string(' ', 10 << 20)),
            Is.EqualTo((1, "{\"error\":\"the request has 10485760 bytes; at most 524288 are read\"}\n")));
        Assert.That(await CallAsync(new string(' ', 20 << 20)),
            Is.EqualTo((1, "{\"error\":\"the request has more than 16777216 bytes; at most 524288 are read\"}\n")));
    }

    [Test]
    public async Task M18_a_host_that_is_not_there_is_net_modules_error_within_the_deadline()
    {
        var clock = Stopwatch.StartNew();
        var (code, output) = await CallAsync("{}", socket: "/nowhere/net-modules.sock");
        Assert.That(code, Is.EqualTo(1));
        Assert.That(output, Is.EqualTo(
            "{\"error\":\"the Calico host does not answer; try again later: cannot connect to /nowhere/net-modules.sock (errno 2)\"}\n"));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), "five seconds");
    }

    [Test]
    public async Task M18_a_call_that_a_host_had_before_it_ended_is_sent_again_and_says_so()
    {
        using var host = new PlayedHost(_shim.PathOf("played.sock"));
        var call = CallAsync("""{"command":"cleanup"}""", socket: host.Path);
        using (var first = await host.AcceptAsync())
        {
            Assert.That(ShimRequest.Read((await first.ReceiveAsync()).Payload).IsRepeat, Is.False);
        }

        using var second = await host.AcceptAsync();
        var again = ShimRequest.Read((await second.ReceiveAsync()).Payload);
        Assert.That(again.IsRepeat, Is.True);
        Assert.That(System.Text.Encoding.UTF8.GetString(again.Input.Span), Is.EqualTo("""{"command":"cleanup"}"""));
        await second.SendAsync(new ShimReply(0, "{}"u8.ToArray()).ToFrame());
        Assert.That(await call, Is.EqualTo((0, "{}")));
    }

    public void Dispose() => _shim?.Dispose();

    private Task<(int ExitCode, string Output)> CallAsync(string input, string? socket = null, string words = "") => _shim.RunAsync(
        "calico_mesos", "", "", input, "", arguments: words,
        environment: variables => variables["CALICO_MESOS_NETMODULESSOCKET"] = socket ?? _mesos.Settings.NetModulesSocket);
}
