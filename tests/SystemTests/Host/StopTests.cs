using System.Diagnostics;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>Row B15 of issue 13: a stop in the middle of work, and a start that fails half-way.</summary>
[TestFixture]
public sealed class StopTests
{
    private const string Etcd =
        "etcd --data-dir /run/etcd --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 "
            + "--listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 --initial-cluster "
            + "default=http://127.0.0.1:12380";

    /// <summary>A foreign IPAM that says that it has begun and then takes three seconds: its ADD is under way in the host all that time.
    /// </summary>
    private const string SlowIpam = """
        #!/bin/bash
        cat >/dev/null
        [ "$CNI_COMMAND" = ADD ] || exit 0
        touch /run/begun/$CNI_CONTAINERID
        sleep 3
        echo "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.99.0.${CNI_CONTAINERID#slow}/32\"}]}"
        """;

    private const string SlowConf = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"slow"}}""";

    [Test]
    public async Task B15_a_stop_while_20_ADDs_are_under_way_and_the_store_is_dead_answers_each_and_leaves_nothing()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        await using var cni = await CniHost.StartAsync(host =>
        {
            host.Settings["DATASTORE_TYPE"] = "etcdv3";
            host.Settings["ETCD_ENDPOINTS"] = "http://127.0.0.1:12379";
        }, number: 57, startCalico: false);
        await cni.Host.ShellAsync(
            $"setsid {Etcd} >>/run/etcd.log 2>&1 </dev/null & echo $! > /run/etcd.pid; for i in $(seq 200); do ETCDCTL_API=3 etcdctl "
                + "--endpoints http://127.0.0.1:12379 get x >/dev/null 2>&1 && exit 0; sleep 0.05; done; tail /run/etcd.log; exit 1");
        await cni.Host.ShellAsync("cat > /etc/calico/calicoctl.cfg", """
            apiVersion: projectcalico.org/v3
            kind: CalicoAPIConfig
            metadata: {}
            spec: {datastoreType: etcdv3, etcdEndpoints: "http://127.0.0.1:12379"}
            """);
        await cni.Host.ShellAsync("cat > /opt/cni/bin/slow; chmod 755 /opt/cni/bin/slow; mkdir -p /run/begun", SlowIpam);
        await cni.Host.StartCalicoAsync();
        // Ten whose addresses are ours, ten that are in the middle of their ADD when the stop comes.
        string[] ours = [.. Enumerable.Range(1, 10).Select(i => $"ours{i}")];
        string[] slow = [.. Enumerable.Range(1, 10).Select(i => $"slow{i}")];
        foreach (var name in ours.Concat(slow))
        {
            await cni.AddNamespaceAsync(name);
        }

        // Known profile and all, so that the ten need nothing of the store.
        await cni.AddAsync("first", "ours1");
        await cni.DeleteAsync("first", "ours1");
        await cni.Host.ShellAsync("kill -STOP $(cat /run/etcd.pid)");
        var calls = slow.Select(name => (name, call: cni.CallAsync("ADD", name, $"/run/netns/{name}", SlowConf))).ToList();
        await UntilAsync(cni, "ls /run/begun | wc -l", "10");
        calls.AddRange(ours.Select(name => (name, call: cni.CallAsync("ADD", name, $"/run/netns/{name}"))));
        var clock = Stopwatch.StartNew();
        await cni.Host.StopCalicoAsync();
        var stopped = clock.Elapsed;
        TestContext.Out.WriteLine($"stopped after {stopped.TotalSeconds:0.0} s");
        Assert.That(stopped, Is.LessThan(TimeSpan.FromSeconds(20)), "systemd kills after 30");
        Assert.That(await cni.Host.ShellAsync("ls /run/calico"), Does.Not.Contain(".sock"));
        await Task.WhenAll(calls.Select(c => c.call));
        foreach (var (name, call) in calls)
        {
            var result = await call;
            TestContext.Out.WriteLine($"{name}: {result.ExitCode} {(result.ExitCode == 0 ? "" : result.Output.ReplaceLineEndings(" "))}");
            if (name.StartsWith("slow", StringComparison.Ordinal))
            {
                Assert.That(result.ExitCode, Is.Zero, $"{name} was under way, and what it stood on worked: {result.Output}{result.Error}");
            }
            else if (result.ExitCode != 0)
            {
                Assert.That(CniHost.ErrorOf(result).Code, Is.EqualTo(11), $"{name} has to be tried again: {result.Output}{result.Error}");
            }
        }

        var log = await cni.Host.TailAsync(3000);
        Assert.That(log, Does.Not.Contain("did not end well").And.Not.Contain("loop ended").And.Not.Contain("nobody expected"));
        await cni.Host.ShellAsync("kill -CONT $(cat /run/etcd.pid)");
        await cni.Host.StartCalicoAsync();
        // A failed ADD left nothing: its runtime sends no DEL.
        foreach (var (name, call) in calls)
        {
            if ((await call).ExitCode == 0)
            {
                await cni.DeleteAsync(name, name, name.StartsWith("slow", StringComparison.Ordinal) ? SlowConf : CniHost.Conf);
            }
        }

        await cni.AssertCleanAsync();
    }

    [Test]
    public async Task B15_a_start_that_fails_half_way_leaves_no_socket_and_no_lock([Values("host.sock", "2379")] string taken)
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        await using var cni = await CniHost.StartAsync(host => host.Settings["CALICO_STORE_LISTEN"] = "127.0.0.1:2379", number: 58,
            startCalico: false);
        // The control socket comes after adapters and store, the store's port after the adapters.
        await cni.Host.ShellAsync("cat > /run/serve.pl", taken == "2379"
            ? "use IO::Socket::INET; my $s=IO::Socket::INET->new(LocalAddr=>'127.0.0.1',LocalPort=>2379,Listen=>5,ReuseAddr=>1) or die; "
                + "while(my $c=$s->accept){close $c}\n"
            : "use IO::Socket::UNIX; mkdir '/run/calico'; my $s=IO::Socket::UNIX->new(Local=>'/run/calico/host.sock',Listen=>5) or die; "
                + "while(my $c=$s->accept){close $c}\n");
        await cni.Host.ShellAsync(
            "setsid perl /run/serve.pl </dev/null >/dev/null 2>&1 & echo $! > /run/serve.pid; for i in $(seq 100); do ss -Hltxn | grep "
                + $"-q {taken} && exit 0; sleep 0.05; done; exit 1");
        await cni.Host.StartCalicoAsync(waitReady: false);
        await UntilAsync(cni,
            $"grep -c '{(taken == "2379" ? "127.0.0.1:2379" : "another process serves /run/calico/host.sock")}' {cni.Host.HostLog}", "1");
        await cni.Host.StopCalicoAsync();
        Assert.That((await cni.Host.ShellAsync("ls /run/calico")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(f => f != "host.sock" || taken == "2379")
            .Where(f => f.EndsWith(".sock", StringComparison.Ordinal)), Is.Empty);
        await cni.Host.ShellAsync("kill $(cat /run/serve.pid)");
        await cni.Host.StartCalicoAsync();
        await cni.AddNamespaceAsync("a");
        await cni.AddAsync("a", "a");
        await cni.DeleteAsync("a", "a");
        await cni.AssertCleanAsync();
    }

    private static async Task UntilAsync(CniHost cni, string line, string wanted)
    {
        var clock = Stopwatch.StartNew();
        var seen = "";
        while (clock.Elapsed < TimeSpan.FromSeconds(40))
        {
            seen = (await cni.Host.RunAsync(["bash", "-c", line])).Output.Trim();
            if (seen == wanted)
            {
                return;
            }

            await Task.Delay(50);
        }

        Assert.Fail($"'{line}' gave '{seen}', not '{wanted}'\n{await cni.Host.TailAsync()}");
    }
}
