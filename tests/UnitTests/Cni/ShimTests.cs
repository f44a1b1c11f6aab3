using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using Calico.Shim.Wire;
using Calico.TestKit.Hosts;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>The binary against the adapter.</summary>
[Parallelizable, FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[UnsupportedOSPlatform("windows")]
public sealed class ShimTests : IDisposable
{
    private const string Ours = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";
    private const string HostLocalFolder = ShimBinary.PluginsFolder;

    private ShimBinary _shim = null!;

    private DirectoryInfo _folder = null!;

    [SetUp]
    public void LayOut() => _folder = (_shim = new()).Folder;

    public void Dispose() => _shim?.Dispose();

    [TestCase("0.4.0", "0.4.0")]
    [TestCase("1.1.0", "1.1.0")]
    [TestCase("7.0.0", "1.1.0")]
    [TestCase("", "1.1.0")]
    public async Task Version_needs_no_host(string asked, string answered)
    {
        var (exitCode, output) = await _shim.RunAsync("calico", "/nonexistent", "VERSION", $$"""{"cniVersion":"{{asked}}"}""", "dummy");

        Assert.That(exitCode, Is.Zero);
        using var document = JsonDocument.Parse(output);
        Assert.That(document.RootElement.GetProperty("cniVersion").GetString(), Is.EqualTo(answered));
        Assert.That(document.RootElement.GetProperty("supportedVersions").EnumerateArray().Select(v => v.GetString()),
            Is.EqualTo(new[] { "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" }));
    }

    [Test]
    public async Task A_call_goes_to_the_host_with_the_namespace_and_comes_back()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        var add = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", Ours, "c1", netns: "/proc/self/ns/net");
        var bad = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", "{", "c2", netns: "/proc/self/ns/net");
        var del = await _shim.RunAsync("calico", cni.Settings.Socket, "DEL", Ours, "c1");

        Assert.That(add.ExitCode, Is.Zero, add.Output);
        Assert.That(add.Output, Does.Contain("10.65.0.0/32"));
        Assert.That(cni.Node.Faults.Passed, Does.Contain("namespaces.adopt"));
        Assert.That(bad.ExitCode, Is.EqualTo(1));
        Assert.That(bad.Output, Does.Contain("\"code\":6"));
        Assert.That(del, Is.EqualTo((0, "")));
        Assert.That(cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task S12_a_call_tells_what_it_took_before_the_host_had_it()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", Ours, "c1", netns: "/proc/self/ns/net");
        await _shim.RunAsync("calico", cni.Settings.Socket, "DEL", Ours, "c1");
        await cni.StopAsync();

        foreach (var call in cni.Timings.Ended)
        {
            Assert.That(call.Before.Select(b => b.Stage), Is.EqualTo(new[] { "shim-start", "shim", "hand-over" }), call.Of.Verb);
            Assert.That(call.Before.Select(b => b.Took), Is.All.GreaterThan(TimeSpan.Zero).And.All.LessThan(TimeSpan.FromMinutes(1)),
                call.Of.Verb);
        }

        Assert.That(cni.Timings.Ended, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_path_that_cannot_be_opened_is_the_hosts_to_judge()
    {
        await using var cni = new CniHarness();
        cni.Node.Namespaces.Destroy("/run/netns/none");
        await cni.StartAsync();
        var add = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", Ours, "c1", netns: "/run/netns/none");

        Assert.That(add.ExitCode, Is.EqualTo(1));
        Assert.That(add.Output, Does.Contain("\"code\":4").And.Contain("/run/netns/none"));
    }

    [Test]
    public async Task The_name_decides_the_role()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        var add = await _shim.RunAsync("calico-ipam", cni.Settings.Socket, "ADD", Ours, "c1", netns: "/proc/self/ns/net");
        var mesos = await _shim.RunAsync("calico_mesos", cni.Settings.Socket, "ADD", "{}", "c1",
            environment: v => v["CALICO_MESOS_NETMODULESSOCKET"] = cni.Settings.Socket);
        Assert.That(add.Output, Does.Contain("10.65.0.0/26"));
        Assert.That(cni.Node.Leases.Single().Purpose, Is.EqualTo(LeasePurpose.Foreign));
        Assert.That(mesos.ExitCode, Is.EqualTo(1));
    }

    [Test]
    public async Task Test_says_whether_workloads_can_be_connected()
    {
        await using var cni = new CniHarness();
        await cni.StartAsync();
        var good = await _shim.RunAsync("calico", cni.Settings.Socket, "", "", "", arguments: "-t");
        cni.Node.Status.CanConnect = (false, ["no sync"]);
        var bad = await _shim.RunAsync("calico", cni.Settings.Socket, "", "", "", arguments: "-t");

        Assert.That(good.ExitCode, Is.Zero);
        Assert.That(bad.ExitCode, Is.EqualTo(1));
        Assert.That(bad.Output, Does.Contain("\"code\":100").And.Contain("data store connection failed"));
    }

    [Test]
    public async Task A_host_that_comes_back_in_time_is_waited_for()
    {
        await using var cni = new CniHarness();
        using var shim = _shim.Start("calico", cni.Settings.Socket, "ADD", "c1", netns: "/proc/self/ns/net");
        await shim.GiveAsync(Ours);
        // It has looked for the host and slept, more than once: with its whole input nothing else makes it sleep.
        var (before, clock) = (Sleeps(shim), Stopwatch.StartNew());
        while (Sleeps(shim) < before + 10)
        {
            Assert.That(shim.HasExited, Is.False, "it waits for no host");
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(4)), "it does not wait, it spins");
            await Task.Delay(5);
        }

        await cni.StartAsync();
        var output = await shim.StandardOutput.ReadToEndAsync();
        await shim.WaitForExitAsync();
        Assert.That(shim.ExitCode, Is.Zero, output);
    }

    [Test]
    public async Task Without_a_host_an_add_is_to_be_tried_again_and_a_del_is_kept_and_done_later()
    {
        await using var cni = new CniHarness();
        await cni.Node.Network.ConnectAsync(
            new EndpointSpec
            {
                Id = new("cni", "c1", "eth0"),
                Instance = "c1",
                Network = "net1",
                Profiles = ["net1"],
                Claim = new AddressClaim { Handle = "net1.c1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
            },
            Placement.In(cni.Node.Namespaces.Open("/run/netns/n1"), "eth0"), default);
        var started = Stopwatch.GetTimestamp();
        var add = _shim.RunAsync("calico", cni.Settings.Socket, "ADD", Ours, "c2");
        var status = _shim.RunAsync("calico", cni.Settings.Socket, "STATUS", Ours, "");
        var del = _shim.RunAsync("calico", cni.Settings.Socket, "DEL", Ours, "c1", spool: cni.Settings.SpoolDir);
        await Task.WhenAll(add, status, del);

        Assert.That(Stopwatch.GetElapsedTime(started), Is.InRange(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(9)));
        Assert.That((await add).Output, Does.Contain("\"code\":11").And.Contain("\"cniVersion\":\"1.0.0\""));
        Assert.That((await status).Output, Does.Contain("\"code\":50"));
        Assert.That(await del, Is.EqualTo((0, "")));
        var file = new DirectoryInfo(cni.Settings.SpoolDir).GetFiles().Single();
        Assert.That(file.UnixFileMode, Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That(cni.Node.Endpoints, Has.Length.EqualTo(1));

        await cni.StartAsync();
        // An answer to any call: the spool was done before it.
        await cni.CallAsync("STATUS", Ours);
        Assert.That(cni.Node.Endpoints, Is.Empty);
        Assert.That(new DirectoryInfo(cni.Settings.SpoolDir).GetFiles(), Is.Empty);
    }

    [Test]
    public async Task A_foreign_ipam_is_run_from_the_runtimes_path()
    {
        if (!File.Exists(Path.Combine(HostLocalFolder, "host-local")))
        {
            Assert.Ignore($"{HostLocalFolder}/host-local is not installed");
        }

        var books = Path.Combine(_folder.FullName, "books");
        var conf = $$$"""{"cniVersion":"0.4.0","name":"net1","type":"calico","ipam":{"type":"host-local","dataDir":"{{{books}}}","subnet":"10.88.9.0/24","routes":[{"dst":"0.0.0.0/0"}]}}""";
        await using var cni = new CniHarness();
        await cni.StartAsync();
        var add = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", conf, "c1", netns: "/proc/self/ns/net");
        var held = Directory.GetFiles(Path.Combine(books, "net1")).Select(Path.GetFileName).ToArray();
        var del = await _shim.RunAsync("calico", cni.Settings.Socket, "DEL", conf, "c1");
        var left = Directory.GetFiles(Path.Combine(books, "net1")).Select(Path.GetFileName).ToArray();

        Assert.That(add.ExitCode, Is.Zero, add.Output);
        Assert.That(add.Output, Does.Contain("\"address\":\"10.88.9.2/32\""));
        Assert.That(held, Does.Contain("10.88.9.2"));
        Assert.That(del, Is.EqualTo((0, "")));
        Assert.That(left, Does.Not.Contain("10.88.9.2"));
    }

    [Test]
    public async Task A_delegate_that_is_not_there_or_dies_is_reported()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "dies"), "#!/bin/sh\nkill -9 $$\n");
        File.SetUnixFileMode(Path.Combine(_folder.FullName, "dies"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await using var cni = new CniHarness();
        await cni.StartAsync();
        var missing = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD",
            Ours.Replace("calico-ipam", "nowhere", StringComparison.Ordinal), "c1", netns: "/proc/self/ns/net");
        var dead = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", Ours.Replace("calico-ipam", "dies", StringComparison.Ordinal),
            "c1", netns: "/proc/self/ns/net");

        Assert.That(missing.Output,
            Does.Contain("failed to find plugin \\u0022nowhere\\u0022").Or.Contain("failed to find plugin \\\"nowhere\\\""));
        Assert.That(dead.Output, Does.Contain("exit code 137"));
        Assert.That(cni.Node.Endpoints, Is.Empty);
    }

    [TestCase("../escape")]
    [TestCase("{0}/escape")]
    public async Task D_a_delegate_is_never_found_outside_the_runtimes_path(string type)
    {
        var escape = Path.Combine(_folder.Parent!.FullName, $"escape{Guid.NewGuid():N}");
        var (ran, name) = (escape + ".ran", type.Replace("escape", Path.GetFileName(escape), StringComparison.Ordinal)
            .Replace("{0}", _folder.Parent.FullName, StringComparison.Ordinal));
        await File.WriteAllTextAsync(escape, $"#!/bin/sh\ntouch {ran}\n");
        File.SetUnixFileMode(escape, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            await using var cni = new CniHarness();
            await cni.StartAsync();
            var add = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD",
                Ours.Replace("calico-ipam", name, StringComparison.Ordinal), "c1", netns: "/proc/self/ns/net");
            // Without a host the shim runs the delegate's DEL by itself.
            var del = await _shim.RunAsync("calico", "/nonexistent", "DEL", Ours.Replace("calico-ipam", name, StringComparison.Ordinal),
                "c1", spool: cni.Settings.SpoolDir, timeout: "1");

            Assert.That((add.ExitCode, del.ExitCode), Is.EqualTo((1, 1)));
            Assert.That(del.Output, Does.Contain("failed to find plugin"));
            Assert.That(File.Exists(ran), Is.False, "it was executed");
        }
        finally
        {
            File.Delete(escape);
            File.Delete(ran);
        }
    }

    /// <summary>The kernel calls themselves: what a crash of the machine would leave cannot be seen otherwise.</summary>
    [Test]
    public async Task D_a_DEL_that_is_kept_is_on_the_disk_before_its_exit_code_says_so()
    {
        const string Tracer = "/usr/bin/strace";
        if (!File.Exists(Tracer))
        {
            Assert.Ignore($"{Tracer} is not installed: nothing else sees whether a file was synced");
        }

        var (trace, spool) = (Path.Combine(_folder.FullName, "trace"), Path.Combine(_folder.FullName, "spool"));
        var del = await _shim.RunAsync("calico", "/nonexistent", "DEL", Ours, "c1", spool: spool, timeout: "1",
            tracer: [Tracer, "-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o", trace]);

        Assert.That(del, Is.EqualTo((0, "")));
        var calls = (await File.ReadAllLinesAsync(trace)).Where(l => l.Contains(spool, StringComparison.Ordinal)).ToList();
        var (file, rename, folder) = (calls.FindIndex(c => Syncs(c, $"{spool}/")),
            calls.FindIndex(c => c.Contains("rename", StringComparison.Ordinal)),
            calls.FindIndex(c => Syncs(c, $"{spool}>")));
        Assert.That(file, Is.GreaterThanOrEqualTo(0), "its content");
        Assert.That(calls[file], Does.Contain(".tmp>"), "under a name that the host leaves alone");
        Assert.That(rename, Is.GreaterThan(file), "its name, which has whole content then");
        Assert.That(folder, Is.GreaterThan(rename), "the folder that holds the name");

        static bool Syncs(string call, string path) =>
            call.Contains("sync(", StringComparison.Ordinal) && call.Contains(path, StringComparison.Ordinal)
                && call.EndsWith("= 0", StringComparison.Ordinal);
    }

    [Test]
    public async Task A_DEL_that_cannot_be_kept_fails()
    {
        var del = await _shim.RunAsync("calico", "/nonexistent", "DEL", Ours, "c1", spool: "/proc/no/spool", timeout: "1");
        Assert.That(del.ExitCode, Is.EqualTo(1));
        Assert.That(del.Output, Does.Contain("\"code\":5").And.Contain("cannot be kept"));
    }

    [Test]
    public async Task After_a_delegate_has_run_a_broken_connection_is_not_tried_again()
    {
        var path = Path.Combine(_folder.FullName, "gone.sock");
        using var listening = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listening.Bind(new UnixDomainSocketEndPoint(path));
        listening.Listen(4);
        var add = _shim.RunAsync("calico", path, "ADD", Ours, "c1");
        using (var host = await listening.AcceptAsync())
        {
            await host.ReceiveAsync(new byte[65536]);
            await host.SendAsync(new DelegateRequest("nowhere", [], "{}"u8.ToArray()).ToFrame());
            await host.ReceiveAsync(new byte[65536]);
        }

        Assert.That((await add).ExitCode, Is.EqualTo(1), (await add).Output);
        Assert.That(listening.Poll(0, SelectMode.SelectRead), Is.False, "it came a second time");
    }

    [Test]
    public async Task A_delegate_may_be_ended_by_a_broken_pipe()
    {
        var (name, seen) = ("signals", Path.Combine(_folder.FullName, "signals.seen"));
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, name), $"#!/bin/sh\ngrep SigIgn /proc/$$/status > {seen}\n");
        File.SetUnixFileMode(Path.Combine(_folder.FullName, name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await using var cni = new CniHarness();
        await cni.StartAsync();
        await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", Ours.Replace("calico-ipam", name, StringComparison.Ordinal), "c1",
            netns: "/proc/self/ns/net");

        // SIGPIPE is 13, the mask's bit 12.
        var ignored = Convert.ToUInt64((await File.ReadAllTextAsync(seen)).Split(':')[1].Trim(), 16);
        Assert.That(ignored & 0x1000, Is.Zero);
    }

    [Test]
    public async Task A_connection_cut_before_the_answer_is_tried_again()
    {
        using var host = new PlayedHost(Path.Combine(_folder.FullName, "flaky.sock"));
        var add = _shim.RunAsync("calico", host.Path, "ADD", Ours, "c1");
        (await host.AcceptAsync()).Dispose();
        using var second = await host.AcceptAsync();
        await second.ReceiveAsync();
        await second.SendAsync(new ShimReply(0, "{}"u8.ToArray()).ToFrame());

        Assert.That(await add, Is.EqualTo((0, "{}")));
    }

    [Test]
    public async Task B5_a_host_that_does_not_answer_is_given_up_and_a_del_is_kept_for_it([Values] bool backlogIsFull)
    {
        var path = Path.Combine(_folder.FullName, "stopped.sock");
        using var listening = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listening.Bind(new UnixDomainSocketEndPoint(path));
        // As a process under SIGSTOP: the kernel takes connections for it until its backlog is full.
        listening.Listen(backlogIsFull ? 0 : 16);
        using var first = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await first.ConnectAsync(new UnixDomainSocketEndPoint(path));
        var spool = Path.Combine(_folder.FullName, "spool");
        var started = Stopwatch.GetTimestamp();
        var add = _shim.RunAsync("calico", path, "ADD", Ours, "c1", timeout: "2");
        var status = _shim.RunAsync("calico", path, "STATUS", Ours, "", timeout: "2");
        var del = _shim.RunAsync("calico", path, "DEL", Ours, "c1", spool: spool, timeout: "2");
        await Task.WhenAll(add, status, del);

        Assert.That(Stopwatch.GetElapsedTime(started), Is.InRange(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(6)));
        Assert.That((await add).Output, Does.Contain("\"code\":11").And.Contain("did not answer within 2 s"));
        Assert.That((await status).Output, Does.Contain("\"code\":50"));
        Assert.That(await del, Is.EqualTo((0, "")));
        Assert.That(Directory.GetFiles(spool), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task B5_a_delegate_that_does_not_end_is_killed_in_time()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "hangs"), "#!/bin/sh\nexec sleep 60\n");
        File.SetUnixFileMode(Path.Combine(_folder.FullName, "hangs"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await using var cni = new CniHarness();
        await cni.StartAsync();
        var started = Stopwatch.GetTimestamp();
        var add = await _shim.RunAsync("calico", cni.Settings.Socket, "ADD", Ours.Replace("calico-ipam", "hangs", StringComparison.Ordinal),
            "c1", netns: "/proc/self/ns/net", timeout: "12");

        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(17)));
        Assert.That(add.ExitCode, Is.EqualTo(1));
        Assert.That(add.Output, Does.Contain("was killed"));
        Assert.That(cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task C7_who_runs_the_binary_by_hand_is_told_what_it_is()
    {
        var start = new ProcessStartInfo(Path.Combine(_folder.FullName, "calico")) { RedirectStandardError = true,
            RedirectStandardOutput = true };
        start.Environment.Clear();
        using var process = Process.Start(start)!;
        var (error, output) = (await process.StandardError.ReadToEndAsync(), await process.StandardOutput.ReadToEndAsync());
        await process.WaitForExitAsync();

        Assert.That((process.ExitCode, output), Is.EqualTo((0, "")));
        Assert.That(error, Does.Contain("Calico CNI plugin").And.Contain("0.1.0").And.Contain("1.1.0"));
    }

    /// <summary>How often the process has gone to sleep, as the kernel counts it.</summary>
    private static int Sleeps(Process process)
    {
        const string Count = "voluntary_ctxt_switches:";
        try
        {
            var line = File.ReadLines($"/proc/{process.Id}/status").First(l => l.StartsWith(Count, StringComparison.Ordinal));
            return int.Parse(line[Count.Length..], System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended: the caller looks.
            return 0;
        }
    }
}
