using System.Diagnostics;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>An etcd that loses what it knew of a running node, or takes no writes.</summary>
[TestFixture, Parallelizable]
public sealed class LostFactsTests
{
    private const string Client = "ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:12379";
    private const string Etcd =
        "etcd --data-dir /run/etcd --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 "
        + "--listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 --initial-cluster "
        + "default=http://127.0.0.1:12380 "
        + "--quota-backend-bytes 8388608";

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
        }, number: 61, startCalico: false);
        await _cni.Host.ShellAsync($"setsid {Etcd} >>/run/etcd.log 2>&1 </dev/null & echo $! > /run/etcd.pid; "
            + $"for i in $(seq 200); do {Client} get x >/dev/null 2>&1 && exit 0; sleep 0.05; done; tail /run/etcd.log; exit 1");
        await _cni.Host.ShellAsync("cat > /etc/calico/calicoctl.cfg", """
            apiVersion: projectcalico.org/v3
            kind: CalicoAPIConfig
            metadata: {}
            spec: {datastoreType: etcdv3, etcdEndpoints: "http://127.0.0.1:12379"}
            """);
        await _cni.Host.StartCalicoAsync();
        foreach (var name in (string[])["a", "b", "c"])
        {
            await _cni.AddNamespaceAsync(name);
        }
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_cni is not null)
        {
            await _cni.DisposeAsync();
        }
    }

    [Test]
    public async Task A10_a_running_node_is_not_deleted_and_what_etcd_loses_of_it_comes_back()
    {
        var a = await _cni.AddAsync("a", "a");
        var b = await _cni.AddAsync("b", "b");
        var refused = await _cni.Host.CalicoctlAsync("delete node node1");
        Assert.That(refused.ExitCode, Is.Not.Zero);
        Assert.That(refused.Output + refused.Error, Does.Contain("node1").And.Contain("is in use").And.Contain("--force"));

        foreach (var prefix in (string[])["/calico/resources/v3/projectcalico.org/nodes", "/calico/ipam/v2/assignment",
            "/calico/resources/v3/projectcalico.org/workloadendpoints"])
        {
            await _cni.Host.ShellAsync($"{Client} del --prefix {prefix}");
            await UntilAsync("calicoctl get workloadendpoints -A | grep -c cali; calicoctl get nodes | grep -c node1; calicoctl ipam "
                + "check >/dev/null && echo agree", "2\n1\nagree");
        }

        await UntilAsync("calicoctl status >/dev/null && echo ready", "ready");
        var c = await _cni.AddAsync("c", "c");
        Assert.That(c, Is.Not.EqualTo(a).And.Not.EqualTo(b));
        Assert.That(await _cni.PingAsync("a", b), Is.True);
        foreach (var name in (string[])["a", "b", "c"])
        {
            await _cni.DeleteAsync(name, name);
        }

        await _cni.AssertCleanAsync();
        await _cni.Host.StopCalicoAsync();
        var deleted = await _cni.Host.CalicoctlAsync("delete node node1");
        Assert.That(deleted.ExitCode, Is.Zero, deleted.Output + deleted.Error);
        Assert.That(await _cni.Host.ShellAsync($"{Client} get --prefix --keys-only /calico/ipam/v2/handle"), Is.Empty,
            "a stopped node takes its reserve with it");
    }

    [Test]
    public async Task B4_an_etcd_that_is_full_is_as_one_that_is_away()
    {
        await _cni.AddAsync("a", "a");
        await UntilAsync($"{Client} get --prefix --keys-only /calico/ipam/v2/handle/parked | wc -w", "1");
        await _cni.Host.ShellAsync(
            $"for i in $(seq 20); do head -c 1000000 /dev/zero | tr '\\0' x | {Client} put /fill/$i >/dev/null 2>&1 || true; "
                + $"done; {Client} alarm list | grep NOSPACE");

        await _cni.DeleteAsync("a", "a");
        await _cni.AddAsync("b", "b");
        await UntilAsync("calicoctl status | grep -c NOSPACE", "1", atLeast: true);

        await _cni.Host.ShellAsync(
            $$"""{{Client}} del --prefix /fill; {{Client}} compact $({{Client}} endpoint status -w json | grep -o '"revision":[0-9]*' | head -1 | cut -d: -f2); {{Client}} defrag; {{Client}} alarm disarm""");
        await UntilAsync("calicoctl get workloadendpoints -A | grep -c cali; calicoctl status >/dev/null && echo ready", "1\nready");
        await _cni.DeleteAsync("b", "b");
        await _cni.AssertCleanAsync();
    }

    [Test]
    public async Task Status_of_endpoints_stands_in_etcd_while_it_is_wanted()
    {
        const string list = $$"""{{Client}} get --prefix /calico/felix/ | sed 's|^/calico/felix/||'""";
        await _cni.AddAsync("a", "a");
        await _cni.Host.ShellAsync("ip link add up0 type veth peer name up1 && ip link set up1 up && ip link set up0 up");
        await ConfigureAsync(isEnabled: true);
        await UntilAsync(list, """
            v1/host/node1/endpoint/nowhere
            {"status":"error"}
            v1/host/node1/endpoint/uplink
            {"status":"up"}
            v2/no-region/host/node1/workload/cni/default%2fa/endpoint/eth0
            {"status":"up"}
            """);
        await _cni.DeleteAsync("a", "a");
        await _cni.Host.ShellAsync("calicoctl delete hostendpoint nowhere");
        await UntilAsync(list, "v1/host/node1/endpoint/uplink\n{\"status\":\"up\"}");
        await ConfigureAsync(isEnabled: false);
        await UntilAsync(list, "");
        await _cni.AssertCleanAsync();
    }

    private Task ConfigureAsync(bool isEnabled) => _cni.Host.ShellAsync("calicoctl apply -f -", $$"""
        apiVersion: projectcalico.org/v3
        kind: FelixConfiguration
        metadata: {name: node.node1}
        spec: {endpointReportingEnabled: {{(isEnabled ? "true" : "false")}}, endpointReportingDelay: 200ms}
        ---
        apiVersion: projectcalico.org/v3
        kind: HostEndpoint
        metadata: {name: uplink}
        spec: {node: node1, interfaceName: up0}
        ---
        apiVersion: projectcalico.org/v3
        kind: HostEndpoint
        metadata: {name: {{(isEnabled ? "nowhere" : "elsewhere")}}}
        spec: {node: {{(isEnabled ? "node1" : "node2")}}, interfaceName: nowhere0}
        """);

    private async Task UntilAsync(string line, string wanted, bool atLeast = false)
    {
        var clock = Stopwatch.StartNew();
        var seen = "";
        while (clock.Elapsed < TimeSpan.FromSeconds(40))
        {
            seen = (await _cni.Host.RunAsync(["bash", "-c", line])).Output.Trim();
            if (seen == wanted || (atLeast && int.TryParse(seen, out var number)
                && number >= int.Parse(wanted, System.Globalization.CultureInfo.InvariantCulture)))
            {
                return;
            }

            await Task.Delay(250);
        }

        Assert.Fail($"'{line}' gave '{seen}', not '{wanted}'\n{await _cni.Host.TailAsync()}");
    }
}
