using System.Diagnostics;
using Calico.Linux.Namespaces;
using Calico.SystemTests.Cni;
using Calico.TestKit;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Soak;

/// <summary>Everything at once, for long: twenty containers that talk, beside others that come and go, while the store goes away, the
/// table is flushed, links flap, routes vanish and the host is stopped and killed.</summary>
[TestFixture]
public sealed class SoakTests
{
    private const int Containers = 20;

    // The stated gaps. A flow that policy allows is never broken; it may pause while its link is down and TCP's next try is due.
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(4);

    // From the moment a stranger takes our table away: nothing is enforced until it is made anew, and what began meanwhile ends within a
    // second.
    private static readonly TimeSpan OpenGap = TimeSpan.FromSeconds(1);

    /// <summary>A stranger's table that keeps connections tracked while ours is gone: a flow that began then looks established afterwards.
    /// </summary>
    private const string Tracking = """
        table inet tracking {
          chain forward { type filter hook forward priority 50; ct state established counter; }
        }
        """;

    // ip lists routes and deletes them one by one, and gives up at one that went meanwhile, with its container.
    private const string RouteFlush = "for i in 1 2 3 4 5; do ip route flush proto 80 && exit 0; done; exit 1";

    private readonly Dictionary<string, (int Count, TimeSpan Longest)> _pauses = new(StringComparer.Ordinal);
    private readonly List<(long From, long To)> _gaps = [];

    [Test]
    public Task Flows_that_may_go_on_and_flows_that_may_not_stay_out_for_a_minute() => SoakAsync(TimeSpan.FromSeconds(45));

    [Test, Category("long")]
    public Task Flows_that_may_go_on_and_flows_that_may_not_stay_out_for_twenty_minutes() => SoakAsync(TimeSpan.FromMinutes(20));

    private async Task SoakAsync(TimeSpan duration)
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        var random = new Random(Seed.Or(20161101));
        await using var cni = await CniHost.StartAsync(host =>
        {
            host.Settings["DATASTORE_TYPE"] = "etcdv3";
            host.Settings["ETCD_ENDPOINTS"] = FabricEtcd.Endpoint;
        }, number: 53, startCalico: false);
        await using var etcd = await FabricEtcd.StartAsync(cni.Host);
        await cni.Host.ShellAsync("cat > /etc/calico/calicoctl.cfg", $$"""
            apiVersion: projectcalico.org/v3
            kind: CalicoAPIConfig
            metadata: {}
            spec: {datastoreType: etcdv3, etcdEndpoints: "{{FabricEtcd.Endpoint}}"}
            """);
        await cni.Host.ShellAsync("nft -f -", Tracking);
        await cni.Host.StartCalicoAsync();

        using var broker = new NamespaceBroker();
        var workloads = new List<Workload>();
        for (var i = 0; i < Containers; i++)
        {
            workloads.Add(await Workload.StartAsync(cni, broker, $"soak{i}", i % 2 == 0 ? "blue" : "green"));
        }

        var conversations = new List<Conversation>();
        var denied = new List<DeniedFlow>();
        for (var i = 0; i < Containers; i++)
        {
            conversations.Add(await Conversation.StartAsync(workloads[i], workloads[(i + 2) % Containers]));
            denied.Add(new(workloads[i], workloads[(i + 1) % Containers]));
        }

        using var stop = new CancellationTokenSource();
        var churn = Enumerable.Range(0, 2).Select(w => ChurnAsync(cni, w, stop.Token)).ToArray();
        try
        {
            await DisturbAsync(cni, etcd, conversations, random, duration);
        }
        finally
        {
            await stop.CancelAsync();
        }

        var churned = (await Task.WhenAll(churn)).Sum();
        foreach (var flow in conversations.Cast<IAsyncDisposable>().Concat(denied))
        {
            await flow.DisposeAsync();
        }

        foreach (var workload in workloads)
        {
            await workload.StopAsync(cni);
        }

        Report(conversations, denied, churned);
        await cni.AssertCleanAsync();
    }

    /// <summary>One disturbance after the other, each with time to be made good.</summary>
    private async Task DisturbAsync(CniHost cni, FabricEtcd etcd, List<Conversation> conversations, Random random, TimeSpan duration)
    {
        (string Name, Func<Task> Act)[] disturbances =
        [
            ("store outage", async () =>
            {
                await etcd.SwallowAsync();
                await Task.Delay(random.Next(500, 6000));
                await etcd.RestoreAsync();
            }),
            ("table deleted", () => OpenAsync(() => cni.Host.ShellAsync("nft delete table inet calico"))),
            ("ruleset flushed", () => OpenAsync(() => cni.Host.ShellAsync("nft -f -", $"flush ruleset\n{Tracking}"))),
            ("chain flushed", () => OpenAsync(() => cni.Host.ShellAsync("nft flush chain inet calico forward-ingress"))),
            ("link flap", () => cni.Host
                .ShellAsync($"link=$(ip -br link show type veth | cut -d@ -f1 | grep ^cali | sed -n {random.Next(1, Containers)}p); ip "
                    + "link set $link down; sleep 0.2; ip link set $link up")),
            ("routes flushed", () => cni.Host.ShellAsync(RouteFlush)),
            ("host stopped", async () =>
            {
                await cni.Host.StopCalicoAsync();
                await Task.Delay(random.Next(0, 1500));
                await cni.Host.StartCalicoAsync();
            }),
            ("host killed", async () =>
            {
                await cni.Host.KillCalicoAsync();
                await Task.Delay(random.Next(0, 1500));
                await cni.Host.StartCalicoAsync();
            }),
        ];
        var clock = Stopwatch.StartNew();
        for (var round = 0; clock.Elapsed < duration; round++)
        {
            foreach (var conversation in conversations)
            {
                conversation.TakeLongest();
            }

            // Every kind once, then as it comes.
            var (name, act) = disturbances[round < disturbances.Length ? round : random.Next(disturbances.Length)];
            await act();
            await Task.Delay(TimeSpan.FromSeconds(1.5));
            var longest = conversations.Max(c => c.TakeLongest());
            var (count, former) = _pauses.GetValueOrDefault(name);
            _pauses[name] = (count + 1, longest > former ? longest : former);
            Assert.That(conversations.Where(c => c.Broken is not null).Select(c => $"{c.Name}: {c.Broken}"), Is.Empty,
                $"broken by '{name}', round {round}, after {clock.Elapsed}\n{await cni.Host.TailAsync()}");
        }
    }

    private async Task OpenAsync(Func<Task> act)
    {
        var from = Stopwatch.GetTimestamp();
        await act();
        _gaps.Add((from, Stopwatch.GetTimestamp() + (long)(OpenGap.TotalSeconds * Stopwatch.Frequency)));
    }

    private void Report(List<Conversation> conversations, List<DeniedFlow> denied, int churned)
    {
        foreach (var (name, (count, longest)) in _pauses.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            TestContext.Out.WriteLine($"{name}: {count} times, longest pause of an allowed flow {longest.TotalMilliseconds:0} ms");
        }

        var arrived = denied.SelectMany(d => d.Arrived.Select(at => (d.Name, At: at))).ToList();
        var outside = arrived.Where(a => !_gaps.Any(g => a.At >= g.From && a.At <= g.To)).ToList();
        TestContext.Out.WriteLine(
            $"{conversations.Sum(c => c.Exchanged)} messages on {conversations.Count} allowed connections; {denied.Sum(d => d.Sent)} denied packets sent, {arrived.Count} arrived in {_gaps.Count} gaps that a stranger made, {outside.Count} outside them; {churned} other containers came and went");
        Assert.Multiple(() =>
        {
            Assert.That(conversations.Where(c => c.Broken is not null).Select(c => $"{c.Name}: {c.Broken}"), Is.Empty,
                "allowed connections that broke");
            Assert.That(conversations.Select(c => c.Exchanged), Has.All.GreaterThan(100), "an allowed connection was not used");
            Assert.That(denied.Select(d => d.Sent), Has.All.GreaterThan(100), "a denied flow was not tried");
            Assert.That(_pauses.Where(p => p.Value.Longest > LongestPause).Select(p => $"{p.Key}: {p.Value.Longest}"), Is.Empty,
                "longer than stated");
            Assert.That(outside.Select(a => a.Name).Distinct(), Is.Empty, $"{outside.Count} denied packets passed");
        });
    }

    // As a runtime does: a namespace, ADD, whatever it answers DEL, the namespace goes.
    private static async Task<int> ChurnAsync(CniHost cni, int worker, CancellationToken ct)
    {
        var count = 0;
        for (; !ct.IsCancellationRequested; count++)
        {
            var name = $"churn{worker}n{count}";
            var conf = Workload.ConfOf(worker == 0 ? "blue" : "green");
            await cni.AddNamespaceAsync(name);
            await cni.CallAsync("ADD", name, $"/run/netns/{name}", conf);
            var removed = await cni.CallAsync("DEL", name, $"/run/netns/{name}", conf);
            for (var again = 0; removed.ExitCode != 0 && again < 30; again++)
            {
                await Task.Delay(500, CancellationToken.None);
                removed = await cni.CallAsync("DEL", name, $"/run/netns/{name}", conf);
            }

            removed.OrThrow();
            await cni.DeleteNamespaceAsync(name);
            await Task.Delay(200, CancellationToken.None);
        }

        return count;
    }
}
