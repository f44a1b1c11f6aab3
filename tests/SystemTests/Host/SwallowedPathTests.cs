using System.Diagnostics;
using System.Text.Json.Nodes;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>etcd on another machine, and a path that swallows packets: connections stand and nobody answers. Answers come within their
/// budgets, nothing is given twice, and all is made good when the path is back.</summary>
[TestFixture]
public sealed class SwallowedPathTests
{
    // DESIGN 5: 50 ms when an address is held ready, 2 s for "Unavailable"; the rest is starting a process, twice, on a busy machine.
    private static readonly TimeSpan Served = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Answered = TimeSpan.FromSeconds(4);

    private CniHost _cni = null!;
    private FabricEtcd? _etcd;
    private TimeSpan _healthyStart;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _cni = await CniHost.StartAsync(host =>
        {
            host.Settings["DATASTORE_TYPE"] = "etcdv3";
            host.Settings["ETCD_ENDPOINTS"] = FabricEtcd.Endpoint;
            SplitOrchestrator.Install(host);
        }, number: 52, startCalico: false);
        _etcd = await FabricEtcd.StartAsync(_cni.Host);
        await _cni.Host.ShellAsync("cat > /etc/calico/calicoctl.cfg", $$"""
            apiVersion: projectcalico.org/v3
            kind: CalicoAPIConfig
            metadata: {}
            spec: {datastoreType: etcdv3, etcdEndpoints: "{{FabricEtcd.Endpoint}}"}
            """);
        var clock = Stopwatch.StartNew();
        await _cni.Host.StartCalicoAsync();
        _healthyStart = clock.Elapsed;
        foreach (var name in (string[])["a", "b", "c", "d", "e", "f", "g"])
        {
            await _cni.AddNamespaceAsync(name);
        }
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
            _etcd = null;
        }

        if (_cni is not null)
        {
            await _cni.DisposeAsync();
        }
    }

    [TestCase("", TestName = "A_path_that_swallows_packets_does_not_hold_up_ADD_and_DEL")]
    [TestCase("TERM", TestName = "A_host_restarted_while_the_path_swallows_packets_serves_ADD_and_DEL")]
    [TestCase("KILL", TestName = "A_host_killed_while_the_path_swallows_packets_serves_ADD_and_DEL")]
    public async Task Swallowed(string restart)
    {
        var a = await _cni.AddAsync("a", "a");
        var b = await _cni.AddAsync("b", "b");
        var (key, open, closed) = await ProfileAsync();
        await FullReserveAsync();

        // In the middle of three ADDs and a DEL: the first of them is in the node's log, which is written before the store.
        var written = LogWritten();
        var midway = ((string[])["c", "d", "e"]).Select(n => TimedAsync("ADD", n)).Append(TimedAsync("DEL", "a")).ToArray();
        for (var begun = Stopwatch.StartNew(); LogWritten() == written && !midway.Any(m => m.IsCompleted);)
        {
            Assert.That(begun.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)), "none of them has begun");
            await Task.Delay(1);
        }

        await _etcd!.SwallowAsync();
        var dead = Stopwatch.StartNew();
        var given = new Dictionary<string, string> { ["b"] = b };
        foreach (var (name, result) in ((string[])["c", "d", "e"]).Zip(await Task.WhenAll(midway)))
        {
            if (result.ExitCode == 0)
            {
                given[name] = AddressIn(result.Output);
            }
            else
            {
                Assert.That(CniHost.ErrorOf(result).Code, Is.EqualTo(11), $"{name}: only 'try again later' is allowed\n{result.Output}");
            }
        }

        (await midway[3]).OrThrow();
        Assert.That((await Task.WhenAll(midway)).Select(r => r.Elapsed), Has.All.LessThan(Answered), "in the middle");

        // And with nobody there.
        given["f"] = await ServedAsync("f");
        Assert.That(await _cni.PingAsync("b", given["f"]), Is.True, "policy is enforced as it was last known");
        await RestartAsync(restart);
        // An ADD that comes with the start of the process waits for that, and as good as not at all for the store.
        given["g"] = await ServedAsync("g", restart.Length == 0 ? Served : (2 * _healthyStart) + Served);
        Assert.That((await TimedAsync("DEL", "f")).OrThrow().Elapsed, Is.LessThan(Served));
        var f = given["f"];
        given.Remove("f");
        Assert.That(await _cni.PingAsync("b", given["g"]), Is.True, "still enforced");
        if (restart.Length == 0)
        {
            await UntilAsync("the dead connection is noticed",
                async () => (await _cni.Host.ShellAsync($"grep -c 'Watch of .* broke' {_cni.Host.HostLog} || true")).Trim() != "0");
            TestContext.Out.WriteLine($"the watch noticed after {dead.Elapsed.TotalSeconds:0.0} s");
            Assert.That(dead.Elapsed, Is.LessThan(TimeSpan.FromSeconds(15)), "DESIGN 4: a half-open connection is noticed within 15 s");
            given["f"] = await ServedAsync("f");
        }

        // Somebody changes a profile where we cannot hear it.
        await _etcd.EtcdctlAsync("put", key, closed);
        await _etcd.RestoreAsync();
        var back = Stopwatch.StartNew();
        await UntilAsync("the profile written meanwhile is enforced", async () => !await _cni.PingAsync("b", given["g"]));
        TestContext.Out.WriteLine($"a change made meanwhile was enforced {back.Elapsed.TotalSeconds:0.0} s after the path was back");
        await _etcd.EtcdctlAsync("put", key, open);
        await UntilAsync("the watch goes on", () => _cni.PingAsync("b", given["g"]));
        await UntilAsync("every endpoint is in etcd", async () =>
            (await _cni.Host.CalicoctlAsync("get workloadendpoints -A -o json")).Output
                .Split("\"interfaceName\"").Length - 1 == given.Count);
        TestContext.Out.WriteLine($"etcd had everything {back.Elapsed.TotalSeconds:0.0} s after the path was back");

        // What was in doubt is settled: as many more as were given, and none of them twice.
        foreach (var name in (string[])["a", "c", "d", "e", "f"])
        {
            if (!given.ContainsKey(name))
            {
                given[name] = await _cni.AddAsync(name, name);
            }
        }

        Assert.That(given.Values, Is.Unique, $"(first: a {a}, f {f})");
        foreach (var name in given.Keys)
        {
            await _cni.DeleteAsync(name, name);
        }

        await _cni.AssertCleanAsync();
    }

    [Test]
    public async Task Lease_Prepare_Attach_Detach_and_Remove_are_served_while_the_path_swallows_packets()
    {
        var split = new SplitOrchestrator(_cni.Host);
        var before = await split.AskAsync("lease before");
        var standing = await _cni.AddAsync("a", "a");
        await FullReserveAsync();
        await _etcd!.SwallowAsync();

        var calls = new List<TimeSpan>();
        async Task<string> ServedAsync(string line)
        {
            var (answer, elapsed) = await split.TimedAsync(line);
            calls.Add(elapsed);
            return answer;
        }

        await ServedAsync($"prepare before {before}");
        await ServedAsync("attach before /run/netns/b");
        var during = await ServedAsync("lease during");
        await ServedAsync($"prepare during {during}");
        await ServedAsync("attach during /run/netns/c");
        Assert.That(await _cni.PingAsync("c", before), Is.True, "connected");
        await ServedAsync("detach before");
        await ServedAsync("remove before");
        var unused = await ServedAsync("lease unused");
        Assert.That(await ServedAsync($"release {unused}"), Is.Not.EqualTo("free"));
        Assert.That(calls, Has.All.LessThan(Served));
        Assert.That(new[] { standing, during }, Is.Unique);

        await _etcd.RestoreAsync();
        await UntilAsync("every endpoint is in etcd", async () =>
            (await _cni.Host.CalicoctlAsync("get workloadendpoints -A -o json")).Output.Split("\"interfaceName\"").Length - 1 == 2);
        await UntilAsync("what was journalled is replayed", async () => await split.AskAsync("leases") == during);
        var after = await split.AskAsync("lease after");
        Assert.That(new[] { standing, during, after }, Is.Unique);
        await split.AskAsync($"release {after}");
        await split.AskAsync("remove during");
        await _cni.DeleteAsync("a", "a");
        await _cni.AssertCleanAsync();
    }

    private Task FullReserveAsync() => UntilAsync("the reserve is full", async () =>
        (await _etcd!.EtcdctlAsync("get", "--prefix", "/calico/ipam/v2/handle/parked.")).Contains(":8}", StringComparison.Ordinal));

    private DateTime LogWritten() => new DirectoryInfo(Path.Combine(_cni.Host.Folder, "root", "var", "lib", "calico")).GetFiles()
        .Max(f => f.LastWriteTimeUtc);

    private async Task RestartAsync(string signal)
    {
        if (signal.Length == 0)
        {
            return;
        }

        var clock = Stopwatch.StartNew();
        await (signal == "TERM" ? _cni.Host.StopCalicoAsync() : _cni.Host.KillCalicoAsync());
        TestContext.Out.WriteLine($"ended by {signal} after {clock.Elapsed.TotalSeconds:0.0} s");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)),
            "a host that is asked to stop does not wait for a store that is silent");
        TestContext.Out.WriteLine($"with the store there it was ready {_healthyStart.TotalSeconds:0.0} s after its start");
        await _cni.Host.StartCalicoAsync(waitReady: false);
    }

    private async Task<string> ServedAsync(string name, TimeSpan? within = null)
    {
        var result = (await TimedAsync("ADD", name)).OrThrow();
        Assert.That(result.Elapsed, Is.LessThan(within ?? Served), $"ADD {name}");
        return AddressIn(result.Output);
    }

    private async Task<CommandResult> TimedAsync(string verb, string name)
    {
        var result = await _cni.CallAsync(verb, name, $"/run/netns/{name}");
        TestContext.Out.WriteLine(
            $"{verb} {name}: {result.Elapsed.TotalMilliseconds:0} ms, exit "
                + $"code {result.ExitCode} {(result.ExitCode == 0 ? "" : result.Output)}");
        return result;
    }

    private static string AddressIn(string output) =>
        ((string)JsonNode.Parse(output)!["ips"]![0]!["address"]!).Split('/')[0];

    /// <summary>The network's profile as etcd has it, and one that lets nothing in.</summary>
    private async Task<(string Key, string Open, string Closed)> ProfileAsync()
    {
        var lines = (await _etcd!.EtcdctlAsync("get", "/calico/resources/v3/projectcalico.org/profiles/net1")).Split('\n');
        var closed = JsonNode.Parse(lines[1])!;
        closed["spec"]!["ingress"] = new JsonArray(new JsonObject { ["action"] = "Deny" });
        return (lines[0], lines[1], closed.ToJsonString());
    }

    private async Task UntilAsync(string what, Func<Task<bool>> isSo)
    {
        var clock = Stopwatch.StartNew();
        while (!await isSo())
        {
            if (clock.Elapsed > TimeSpan.FromSeconds(30))
            {
                Assert.Fail($"not within 30 s: {what}\n{await _cni.Host.TailAsync()}");
            }

            await Task.Delay(100);
        }
    }
}
