using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text.Json;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>What the binary does by itself: with a host that a test plays, or with none.</summary>
[Parallelizable(ParallelScope.All), FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[UnsupportedOSPlatform("windows")]
public sealed class ShimAloneTests : IDisposable
{
    private const string Ours = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";
    private const string Foreign =
        """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"ranges":[[{"type":"nowhere"}]],"type":"other"}}""";

    /// <summary>That a host takes to answer: more than a shim waits that has no time left.</summary>
    private static readonly TimeSpan AMoment = TimeSpan.FromMilliseconds(150);

    private ShimBinary _shim = null!;

    [SetUp]
    public void LayOut() => _shim = new();

    public void Dispose() => _shim?.Dispose();

    private string Seen => _shim.PathOf("seen");

    /// <summary>A DEL without a host, which is waited for for a second.</summary>
    private Task<(int ExitCode, string Output)> DeleteAsync(string input, string spool, string name = "calico",
        Action<IDictionary<string, string?>>? environment = null) =>
        _shim.RunAsync(name, "/nonexistent", "DEL", input, "c1", spool: spool, timeout: "1", environment: environment);

    [Test]
    public async Task A_DEL_is_kept_under_its_role_in_folders_that_nobody_else_can_list()
    {
        var spool = _shim.PathOf("a/b/c/spool");
        _shim.AddPlugin("other", $"cat > {Seen}");
        var alone = _shim.PathOf("alone");
        var answers = await Task.WhenAll(DeleteAsync(Ours, spool), DeleteAsync(Ours, spool, "calico-ipam"), DeleteAsync(Ours, alone));
        // IPAM's own DEL runs nobody's.
        var ipam = await DeleteAsync(Foreign, spool, "calico-ipam");

        Assert.That(answers.Append(ipam), Is.All.EqualTo((0, "")));
        Assert.That(Directory.GetFiles(spool).Select(Path.GetFileName).Order(StringComparer.Ordinal),
            Is.EqualTo(new[] { "i@c1@eth0.del", "n@c1@eth0.del" }));
        Assert.That(File.GetUnixFileMode(spool), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        Assert.That(Directory.GetFiles(alone), Has.Length.EqualTo(1), "what IPAM of ours has is in the same promise");
        Assert.That(File.Exists(Seen), Is.False);
        var (kind, _) = Frame.ReadHeader(await File.ReadAllBytesAsync(Path.Combine(spool, "n@c1@eth0.del")));
        Assert.That(kind, Is.EqualTo(FrameKind.Request));
    }

    [Test]
    public async Task A_foreign_ipam_s_DEL_is_run_with_the_configuration_after_ours_is_promised_and_its_answer_is_the_answer()
    {
        // Of the name "other" the first on the path cannot be executed.
        var (first, spool) = (Directory.CreateDirectory(_shim.PathOf("first")).FullName, _shim.PathOf("spool"));
        await File.WriteAllTextAsync(Path.Combine(first, "other"), "#!/bin/sh\n");
        File.SetUnixFileMode(Path.Combine(first, "other"), UnixFileMode.UserRead);
        _shim.AddPlugin("other", $$"""cat > {{Seen}}; ls {{spool}} >> {{Seen}}; echo '{"code":7,"msg":"no"}'; exit 3""");
        _shim.AddPlugin("fine", "cat > /dev/null; echo ignored");
        var path = (IDictionary<string, string?> e) => e["CNI_PATH"] = $":{first}:{_shim.Folder.FullName}";

        var refused = await DeleteAsync(Foreign, spool, environment: e => path(e));
        Assert.That(refused, Is.EqualTo((1, "{\"code\":7,\"msg\":\"no\"}\n")));
        Assert.That(await File.ReadAllTextAsync(Seen), Is.EqualTo(Foreign + "n@c1@eth0.del\n"));
        File.Delete(Seen);

        var unkept = DeleteAsync(Foreign, "/proc/no/spool", environment: e => path(e));
        var fine = DeleteAsync(Foreign.Replace("other", "fine", StringComparison.Ordinal), spool);
        var named = DeleteAsync("""{"ipam":{"subnet":"x"},"type":"other"}""", spool);
        await Task.WhenAll(unkept, fine, named);
        Assert.That((await unkept).ExitCode, Is.EqualTo(1));
        Assert.That((await fine).ExitCode, Is.Zero);
        Assert.That(await named, Is.EqualTo((0, "")), "a network's type is no IPAM's");
        Assert.That(File.Exists(Seen), Is.False, "nothing was promised, and nothing done");
    }

    [Test]
    public async Task A_DEL_that_cannot_be_named_leaves_nothing()
    {
        var spool = _shim.PathOf("spool");
        Directory.CreateDirectory(Path.Combine(spool, "n@c1@eth0.del"));
        var (exitCode, output) = await DeleteAsync(Ours, spool);
        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("\"code\":5").And.Contain("cannot write"));
        Assert.That(Directory.GetFileSystemEntries(spool), Has.Length.EqualTo(1), "no half of it");
    }

    [Test]
    public async Task What_is_answered_without_a_host_is_JSON_whatever_the_reason_holds()
    {
        const string Quoted = "/no \"where\" \\ at\u0001all";
        var tooLong = "/" + new string('x', 120);
        var calls = await Task.WhenAll(
            _shim.RunAsync("calico", Quoted, "STATUS", """{"name":"n"}""", "", timeout: "1"),
            _shim.RunAsync("calico", tooLong, "ADD", Ours, "c1", timeout: "1"),
            // The first bytes of what cannot be sent at all.
            _shim.RunAsync("calico", "/nonexistent", "ADD", $$"""{"cniVersion":"0.4.0","x":"{{new string('x', 1 << 20)}}"}""", "c1",
                timeout: "1"));
        var answers = calls.Select(c => (c.ExitCode, JsonDocument.Parse(c.Output).RootElement)).ToList();

        Assert.That(answers.Select(a => (a.ExitCode, a.Item2.GetProperty("cniVersion").GetString(), a.Item2.GetProperty("code")
            .GetInt32())),
            Is.EqualTo(new[] { (1, "0.2.0", 50), (1, "1.0.0", 11), (1, "0.4.0", 7) }));
        Assert.That(answers[0].Item2.GetProperty("details").GetString(), Does.Contain(Quoted));
        Assert.That(answers[1].Item2.GetProperty("details").GetString(), Does.Contain(tooLong));
        Assert.That(answers[2].Item2.GetProperty("msg").GetString(), Is.EqualTo("the request is too large"));
    }

    [Test]
    public async Task A_version_is_that_of_the_configuration_not_of_what_lies_in_it()
    {
        var (_, output) = await _shim.RunAsync("calico", "/nonexistent", "VERSION",
            """{"prevResult":{"cniVersion":"0.3.0","ips":[{"cniVersion":"0.3.1"}]},"cniVersion":"0.4.0","ipam":{"cniVersion":"0.1.0"}}""",
            "");
        Assert.That(output, Does.StartWith("{\"cniVersion\":\"0.4.0\""));
    }

    [Test]
    public async Task A_pipe_in_the_place_of_a_namespace_holds_nobody()
    {
        var pipe = _shim.PathOf("pipe");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe]))
        {
            await made.WaitForExitAsync();
        }

        var add = _shim.RunAsync("calico", "/nonexistent", "ADD", Ours, "c1", netns: pipe, timeout: "1");
        Assert.That((await add.WaitAsync(TimeSpan.FromSeconds(20))).Output, Does.Contain("\"code\":11"));
    }

    [Test]
    public async Task The_host_gets_the_whole_request_with_the_variables_of_CNI_alone_and_its_answer_is_passed_on()
    {
        using var host = new PlayedHost(_shim.PathOf("host.sock"));
        var large = $$"""{"cniVersion":"1.0.0","x":"{{new string('x', 300_000)}}"}""";
        var add = _shim.RunAsync("calico", host.Path, "ADD", large, "c1", netns: "/proc/self/ns/net",
            environment: e => (e["SECRET"], e["CNI_NEW"]) = ("s", "n"));
        using (var call = await host.AcceptAsync())
        {
            var request = ShimRequest.Read((await call.ReceiveAsync()).Payload);
            Assert.That(request.Input.Length, Is.EqualTo(large.Length));
            Assert.That((request.Role, request.HasNamespace, request["CNI_NEW"], request["CNI_NETNS"]),
                Is.EqualTo((ShimRole.Network, true, "n", "/proc/self/ns/net")));
            Assert.That(request.Environment.Select(v => v.Key).Where(k => !k.StartsWith("CNI_", StringComparison.Ordinal)),
                Is.EqualTo(new[] { ShimTimes.Variable }));
            // In single bytes: the end of a read is not the end of an answer.
            foreach (var b in new ShimReply(3, "{\"a\":1}"u8.ToArray()).ToFrame().ToArray())
            {
                await call.SendAsync(new[] { b });
            }
        }

        Assert.That(await add, Is.EqualTo((3, "{\"a\":1}")));

        var test = _shim.RunAsync("calico", host.Path, "ADD", "", "", arguments: "-t");
        using (var call = await host.AcceptAsync())
        {
            var asked = ShimRequest.Read((await call.ReceiveAsync()).Payload).Environment.Where(v => v.Key == "CNI_COMMAND");
            Assert.That(asked.Select(v => v.Value), Is.EqualTo(new[] { ShimRequest.TestVerb }), "not what its caller's environment says");
            await call.SendAsync(new ShimReply(0, default).ToFrame());
        }

        Assert.That(await test, Is.EqualTo((0, "")));
    }

    [Test]
    public async Task A_delegate_has_its_input_its_environment_and_no_descriptor_of_ours_and_what_it_says_is_handed_over()
    {
        using var host = new PlayedHost(_shim.PathOf("host.sock"));
        // The shell merges what it was given twice; the kernel's record does not.
        _shim.AddPlugin("shows", "cat; tr '\\0' '\\n' < /proc/$$/environ; ls -l /proc/$$/fd; exit 5");
        _shim.AddPlugin("floods", "cat > /dev/null; head -c 700000 /dev/zero");
        _shim.AddPlugin("hangs", "exec sleep 60");
        var add = _shim.RunAsync("calico", host.Path, "ADD", Ours, "c1", netns: "/proc/self/ns/net", timeout: "4",
            environment: e => e["KEPT"] = "as it was");
        using var call = await host.AcceptAsync();
        await call.ReceiveAsync();
        var input = $"in{new string('y', 100_000)}put\n";

        var outcome = await call.DelegateAsync(new("shows", [new("CNI_COMMAND", "DEL"), new("MORE", "m")],
            System.Text.Encoding.UTF8.GetBytes(input)));
        var said = System.Text.Encoding.UTF8.GetString(outcome.Output.Span);
        Assert.That(outcome.ExitCode, Is.EqualTo(5));
        Assert.That(said, Does.StartWith(input));
        var lines = said.Split('\n');
        Assert.That(lines.Where(l => l.StartsWith("CNI_COMMAND=", StringComparison.Ordinal)), Is.EqualTo(new[] { "CNI_COMMAND=DEL" }));
        Assert.That(lines, Does.Contain("MORE=m").And.Contain("KEPT=as it was").And.Contain("CNI_CONTAINERID=c1"));
        Assert.That(said, Does.Not.Contain("net:[").And.Not.Contain("socket:["));

        outcome = await call.DelegateAsync(new("floods", [], default));
        Assert.That((outcome.ExitCode, System.Text.Encoding.UTF8.GetString(outcome.Output.Span)),
            Is.EqualTo((DelegateOutcome.NotRun, "plugin \"floods\" wrote more than 524288 bytes")));

        // It is ended early enough for the host to answer what came of it.
        outcome = await call.DelegateAsync(new("hangs", [], default));
        Assert.That(System.Text.Encoding.UTF8.GetString(outcome.Output.Span), Does.Contain("was killed"));
        await Task.Delay(AMoment);
        await call.SendAsync(new ShimReply(1, "told"u8.ToArray()).ToFrame());
        Assert.That(await add, Is.EqualTo((1, "told")));
    }

    [TestCase("-5")]
    [TestCase("0")]
    [TestCase("soon")]
    public async Task A_time_limit_that_is_none_is_the_usual_one(string limit)
    {
        using var host = new PlayedHost(_shim.PathOf("host.sock"));
        var add = _shim.RunAsync("calico", host.Path, "ADD", Ours, "c1", timeout: limit);
        using var call = await host.AcceptAsync();
        await call.ReceiveAsync();
        await Task.Delay(AMoment);
        await call.SendAsync(new ShimReply(0, default).ToFrame());
        Assert.That(await add, Is.EqualTo((0, "")));
    }
}
