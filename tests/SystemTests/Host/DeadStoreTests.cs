using System.Diagnostics;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>etcd that is dead or hangs: answers come within their budgets, nothing is given twice, and all is made good when it is back.
/// </summary>
[TestFixture]
public sealed class DeadStoreTests
{
    private const string Etcd =
        "etcd --data-dir /run/etcd --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 "
            + "--listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 --initial-cluster "
            + "default=http://127.0.0.1:12380";

    private CniHost _cni = null!;

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
            host.Settings["ETCD_ENDPOINTS"] = "http://127.0.0.1:12379";
        }, number: 51, startCalico: false);
        await StartEtcdAsync();
        await _cni.Host.ShellAsync("cat > /etc/calico/calicoctl.cfg", """
            apiVersion: projectcalico.org/v3
            kind: CalicoAPIConfig
            metadata: {}
            spec: {datastoreType: etcdv3, etcdEndpoints: "http://127.0.0.1:12379"}
            """);
        await _cni.Host.StartCalicoAsync();
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_cni is not null)
        {
            await _cni.DisposeAsync();
        }
    }

    [TestCase("STOP", TestName = "A_store_that_hangs_does_not_hold_up_ADD_and_DEL")]
    [TestCase("KILL", TestName = "A_store_that_is_dead_does_not_hold_up_ADD_and_DEL")]
    public async Task Store(string signal)
    {
        foreach (var name in (string[])["a", "b", "c", "d"])
        {
            await _cni.AddNamespaceAsync(name);
        }

        var a = await _cni.AddAsync("a", "a");
        var b = await _cni.AddAsync("b", "b");
        // The reserve is filled while the store is there.
        await UntilAsync("ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:12379 get --prefix "
            + "/calico/ipam/v2/handle/parked. | grep -c ':8}'", "1");
        await _cni.Host.ShellAsync($"kill -{signal} $(cat /run/etcd.pid)");

        var clock = Stopwatch.StartNew();
        await _cni.DeleteAsync("a", "a");
        TestContext.Out.WriteLine($"DEL {clock.ElapsedMilliseconds} ms");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)), "DEL");
        clock.Restart();
        var c = await _cni.AddAsync("c", "c");
        TestContext.Out.WriteLine($"ADD {clock.ElapsedMilliseconds} ms");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)), "ADD");
        Assert.That(c, Is.Not.EqualTo(b));
        Assert.That(await _cni.PingAsync("b", c), Is.True, "policy is enforced as it was last known");

        // Also after a restart of the host while the store is away.
        await _cni.Host.KillCalicoAsync();
        await _cni.Host.StartCalicoAsync(waitReady: false);
        await UntilAsync("calicoctl status 2>/dev/null | head -c 1 | wc -c", "1");
        var d = await _cni.AddAsync("d", "d");
        Assert.That(new[] { b, c, d }.Distinct().Count(), Is.EqualTo(3));
        Assert.That(await _cni.PingAsync("b", c), Is.True, "still enforced after the restart");
        Assert.That(await _cni.PingAsync("b", d), Is.True);

        if (signal == "STOP")
        {
            await _cni.Host.ShellAsync("kill -CONT $(cat /run/etcd.pid)");
        }
        else
        {
            await StartEtcdAsync();
        }

        await UntilAsync("calicoctl get workloadendpoints -A | grep -c cali", "3");
        foreach (var name in (string[])["b", "c", "d"])
        {
            await _cni.DeleteAsync(name, name);
        }

        await _cni.AssertCleanAsync();
    }

    private Task StartEtcdAsync() =>
        _cni.Host.ShellAsync(
            $"setsid {Etcd} >>/run/etcd.log 2>&1 </dev/null & echo $! > /run/etcd.pid; for i in $(seq 200); do ETCDCTL_API=3 etcdctl "
                + "--endpoints http://127.0.0.1:12379 get x >/dev/null 2>&1 && exit 0; sleep 0.05; done; tail /run/etcd.log; exit 1");

    private async Task UntilAsync(string line, string wanted)
    {
        var clock = Stopwatch.StartNew();
        var seen = "";
        while (clock.Elapsed < TimeSpan.FromSeconds(40))
        {
            seen = (await _cni.Host.RunAsync(["bash", "-c", line])).Output.Trim();
            if (seen == wanted)
            {
                return;
            }

            await Task.Delay(250);
        }

        Assert.Fail($"'{line}' gave '{seen}', not '{wanted}'\n{await _cni.Host.TailAsync()}");
    }
}
