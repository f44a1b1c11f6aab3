using System.Diagnostics;
using Calico.SystemTests.Cni;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Host;

/// <summary>§4 of issue 14, whole: what goes wrong is in <c>/ready</c>, <c>calicoctl status</c>, a metric and the log.</summary>
[TestFixture, Parallelizable]
public sealed class SaidTests
{
    private const string Metrics = "exec 3<>/dev/tcp/127.0.0.1/9091; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";

    private CniHost _cni = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _cni = await CniHost.StartAsync(host => host.Settings["FELIX_PROMETHEUSMETRICSENABLED"] = "true", number: 59);
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
    public async Task S4_metrics_are_on_the_control_socket_and_where_the_settings_say_so_on_TCP_and_tell_of_a_healed_table()
    {
        var text = await _cni.Host.ShellAsync(Metrics);
        // As they were printed before parts had meters.
        string[] names =
        [
            "felix_resync_state gauge", "felix_active_local_endpoints gauge", "calico_datastore_revision gauge",
                "calico_datastore_age_seconds gauge",
            "calico_enforced_revision gauge", "calico_dataplane_heals gauge", "calico_dataplane_last_heal_seconds gauge",
                "calico_ready gauge",
            "process_resident_memory_bytes gauge", "process_uptime_seconds gauge", "calico_health gauge",
                "calico_dropped_packets_total counter",
        ];
        Assert.That(text.Split('\n').Select(l => l.Trim()), Is.SupersetOf(names.Select(name => $"# TYPE {name}")));
        Assert.That(text, Does.Contain("felix_resync_state 3").And.Contain("calico_ready 1").And
            .Contain("calico_dropped_packets_total{reason=\""));
        Assert.That(await _cni.Host.ShellAsync("ss -Hltn 'sport = :9091'"), Does.Contain("127.0.0.1:9091"),
            "loopback alone, unless a person says otherwise");

        await _cni.Host.ShellAsync("nft delete table inet calico");
        await UntilAsync("calicoctl status | grep -c \"others changed this node's rules\"", "1");
        Assert.That(await _cni.Host.ShellAsync(Metrics), Does.Match("calico_dataplane_heals [1-9]"));
        Assert.That(await _cni.Host.TailAsync(500), Does.Contain("restored after"));
    }

    [Test]
    public async Task S4_a_kernel_that_refuses_is_said_everywhere_with_the_object()
    {
        // As long as it lives the table is its own, and nobody else may write it.
        await _cni.Host.ShellAsync("""
            mkfifo /run/nft.in
            setsid nft -i </run/nft.in >/run/nft.out 2>&1 &
            echo $! > /run/nft.pid
            exec 9>/run/nft.in
            printf 'delete table inet calico; add table inet calico { flags owner; }\n' >&9
            for i in $(seq 200); do nft list table inet calico 2>/dev/null | grep -q owner && break; sleep 0.05; done
            setsid sleep 600 >&9 2>/dev/null </dev/null & echo $! > /run/sleep.pid
            """);
        await UntilAsync("calicoctl status --wait 100ms >/dev/null 2>&1 && echo ready || echo unready", "unready");
        var status = await _cni.Host.CalicoctlAsync("status");
        Assert.That(status.ExitCode, Is.EqualTo(1));
        Assert.That(status.Output,
            Does.Contain("NOT READY").And.Contain("the kernel does not hold what is desired").And.Contain("table inet calico"));
        var metrics = await _cni.Host.ShellAsync(Metrics);
        Assert.That(metrics, Does.Match("calico_dataplane_refusals_total [1-9]").And.Contain("calico_ready 0").And
            .Contain("calico_health{part=\"dataplane\",check=\"kernel\"} 0"));
        Assert.That(await _cni.Host.TailAsync(500), Does.Contain("will read the kernel and try again"));
        await _cni.Host.ShellAsync("kill $(cat /run/sleep.pid) $(cat /run/nft.pid) || true");
        await _cni.Host.WaitReadyAsync();
    }

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

            await Task.Delay(50);
        }

        Assert.Fail($"'{line}' gave '{seen}', not '{wanted}'\n{await _cni.Host.TailAsync()}");
    }
}
