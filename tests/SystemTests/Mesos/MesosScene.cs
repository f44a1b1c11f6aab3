using System.Diagnostics;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Mesos;

/// <summary>A host with calico-host and a played agent for all tests of a class, clean again after each.</summary>
public abstract class MesosScene
{
    private readonly List<PlayedTask> _tasks = [];

    /// <summary>The script that runs a CNI plugin as Mesos' agent does; null: it is not here.</summary>
    public static string? CniAs
    {
        get
        {
            var reference = Environment.GetEnvironmentVariable("CALICO_REFERENCE") ?? "/nowhere";
            var path = Path.GetFullPath(Path.Combine(reference, "..", "clients", "cni_as.py"));
            return File.Exists(path) ? path : null;
        }
    }

    protected TestHost Host { get; private set; } = null!;

    protected PlayedAgent Agent { get; private set; } = null!;

    /// <summary>Last byte of the host's underlay address.</summary>
    protected virtual int Number => 61;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        Host = await TestHost.StartAsync(Number);
        await Host.ShellAsync($"""
            mkdir -p /opt/cni/bin /etc/calico
            for n in calico calico-ipam; do cp {Host.Programs}/bin/calico-shim /opt/cni/bin/$n; done
            cp {Host.Programs}/bin/calico-shim /opt/cni/bin/calico_mesos
            cat > /etc/calico/mesos-cni.conf
            """, PlayedAgent.CniConf);
        Configure(Host);
        await Host.StartCalicoAsync();
        Agent = new(Host);
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        Agent?.Dispose();
        if (Host is not null)
        {
            await Host.DisposeAsync();
        }
    }

    [TearDown]
    public async Task AssertCleanAsync()
    {
        foreach (var task in _tasks)
        {
            await task.DisposeAsync();
        }

        _tasks.Clear();
        var left = "?";
        for (var clock = Stopwatch.StartNew(); left.Length > 0 && clock.Elapsed < TimeSpan.FromSeconds(20); await Task.Delay(100))
        {
            left = await LeftoversAsync();
        }

        Assert.That(left, Is.Empty, "left behind");
        var check = await Host.CalicoctlAsync("ipam check");
        Assert.That(check.ExitCode, Is.Zero, check.Output + check.Error);
    }

    /// <summary>Before calico-host is started.</summary>
    protected virtual void Configure(TestHost host)
    {
        // What a test does not clean up is forgotten sooner than a minute later.
        host.Settings["CALICO_MESOS_FORGOTTENAFTER"] = "00:00:05";
        host.Settings["CALICO_MESOS_LIMITEDAFTER"] = "00:00:01";
        host.Settings["CALICO_MESOS_SWEEPINTERVAL"] = "00:00:01";
    }

    protected async Task<PlayedTask> StartTaskAsync(string id)
    {
        var task = await PlayedTask.StartAsync(Host, id);
        _tasks.Add(task);
        return task;
    }

    protected Task<string> LeftoversAsync() => Host.ShellAsync("""
        ip -o link show type veth | grep -o 'cali[^@:]*' || true
        nft list ruleset | grep -o '"cali[0-9a-f]\{11\}"' | sort -u || true
        calicoctl get workloadendpoints -A -o json | grep '"interfaceName"' || true
        calicoctl ipam show --show-blocks -o json 2>/dev/null | grep '"mesos' || true
        """);

    protected static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        for (var clock = Stopwatch.StartNew(); !await condition(); await Task.Delay(50))
        {
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), what);
        }
    }
}
