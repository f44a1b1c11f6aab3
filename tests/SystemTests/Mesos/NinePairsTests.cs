using System.Collections.Immutable;
using Calico.Plugins.Mesos.V1;
using Calico.SystemTests.Containerd;
using Calico.SystemTests.Docker;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Mesos;

/// <summary>Docker's containers, containerd's pods and an agent's tasks (by each of Mesos' three ways) on one host: one pool, one policy,
/// and each runtime's addresses come back when it is killed.</summary>
[TestFixture, Parallelizable]
public sealed class NinePairsTests : DockerScene
{
    private const string Cni = "cni";

    /// <summary>Whose label each kind lets in, at first.</summary>
    private static readonly ImmutableDictionary<string, string> LetsIn =
        ImmutableDictionary<string, string>.Empty.Add("docker", "pod").Add("pod", "task").Add("task", "task");

    private ContainerdHost _containerd = null!;

    protected override async Task PrepareAsync(TestHost host)
    {
        await host.ShellAsync($"""
            mkdir -p /opt/cni/bin /etc/calico
            cp {host.Programs}/bin/calico-shim /opt/cni/bin/calico_mesos
            cat > /etc/calico/mesos-cni.conf
            """, PlayedAgent.CniConf);
        host.Settings["CALICO_MESOS_LIMITEDAFTER"] = "00:00:01";
        host.Settings["CALICO_MESOS_FORGOTTENAFTER"] = "00:00:02";
        host.Settings["CALICO_MESOS_SWEEPINTERVAL"] = "00:00:01";
        // dockerd finds it and uses it, as on a machine that has both.
        _containerd = await ContainerdHost.OnAsync(host, "pods", "blue");
    }

    [Test]
    public async Task M18_one_pool_and_one_policy_decide_all_pairs_and_each_runtime_gives_back_what_it_had()
    {
        var (host, agent) = (Docker.Host, new PlayedAgent(Docker.Host));
        using var channel = agent;
        (await host.CalicoctlAsync("delete ippool green blue6 green6")).OrThrow();
        await Docker.CreateNetworkAsync("shop", "--subnet 10.81.0.0/24");
        var members = new List<Member>();
        for (var n = 1; n <= 2; n++)
        {
            await Docker.RunAsync($"d{n}", "shop");
            members.Add(new("docker", "docker", int.Parse(await Docker.DockerAsync($"inspect d{n} --format '{{{{.State.Pid}}}}'")),
                await Docker.AddressInAsync($"d{n}", "shop"), $"d{n}"));
            var (pod, address) = await _containerd.RunPodAsync($"k{n}");
            var pid = await host.ShellAsync($"ctr -n k8s.io task ls | awk '$1 == \"{pod}\" {{print $2}}'");
            members.Add(new("pod", "pod", int.Parse(pid), address, pod));
            members.Add(await StartAsync("grpc", n,
                task => agent.LaunchAsync(task, new NetworkInfo { Name = "net", Groups = { "tasks" } })));
            members.Add(await StartAsync("net-modules", n, task => agent.LaunchByNetModulesAsync(task, "tasks")));
            if (MesosScene.CniAs is not null)
            {
                members.Add(await StartAsync(Cni, n, task => agent.LaunchByCniAsync(task)));
            }
        }

        Assert.That(members.Select(m => m.Address), Is.All.StartsWith("10.81.0."), "one pool");
        Assert.That(members.Select(m => m.Address), Is.Unique);
        var network = await Docker.DockerAsync("network inspect shop --format '{{.Id}}'");
        (string Name, string Kind)[] profiles = [(network, "docker"), ("pods", "pod"), ("tasks", "task"), ("mesos-cni", "task")];
        var labels = LetsIn.Keys.ToDictionary(kind => kind, kind => kind, StringComparer.Ordinal);
        await ApplyAsync(labels);
        await DecidesAsync(labels);

        // Docker's containers and pods change places in every rule, by their labels alone.
        (labels["docker"], labels["pod"]) = ("pod", "docker");
        await ApplyAsync(labels);
        await DecidesAsync(labels);

        await Docker.StopDaemonAsync("KILL");
        await Docker.StartDaemonAsync();
        await EndedAsync("docker");

        // Its shims go with it; kubelet then takes its pods away.
        await host.ShellAsync("kill -9 $(cat /run/containerd.pid)");
        await host.ShellAsync($"kill -9 {Pids("pod")}");
        await _containerd.StartDaemonAsync();
        foreach (var pod in members.Where(m => m.Kind == "pod").ToArray())
        {
            await _containerd.RemovePodAsync(pod.Id);
        }

        await EndedAsync("pod");

        // Nobody cleans up what the agent has forgotten, but for its CNI isolator, which deletes its orphans.
        await host.ShellAsync($"kill -9 {Pids("grpc")} {Pids("net-modules")} {Pids(Cni)}");
        foreach (var task in members.Where(m => m.Kind == Cni).ToArray())
        {
            await agent.CleanupByCniAsync(task.Task!);
        }

        await EndedAsync("grpc", "net-modules", Cni);
        // What a person wrote is a person's to delete.
        await Docker.DockerAsync("rm d1 d2");
        await Docker.DockerAsync("network rm shop");
        (await host.CalicoctlAsync($"delete profile {network}")).OrThrow();
        return;

        string Pids(string kind) => string.Join(' ', members.Where(m => m.Kind == kind).Select(m => m.Pid));

        async Task<Member> StartAsync(string kind, int n, Func<PlayedTask, Task<string>> launch)
        {
            var task = await PlayedTask.StartAsync(host, $"{kind}-{n}");
            return new(kind, "task", task.Pid, await launch(task), task.Id) { Task = task };
        }

        async Task ApplyAsync(Dictionary<string, string> labels) => (await host.CalicoctlAsync("apply -f -", string.Join("\n---\n",
            profiles.Where(p => p.Name != "mesos-cni" || members.Any(m => m.Kind == Cni)).Select(p => $$$"""
                apiVersion: projectcalico.org/v3
                kind: Profile
                metadata: {name: "{{{p.Name}}}"}
                spec:
                  labelsToApply: {kind: {{{labels[p.Kind]}}}}
                  ingress: [{action: Allow, source: {selector: kind == '{{{LetsIn[p.Kind]}}}'}}]
                  egress: [{action: Allow}]
                """)))).OrThrow();

        // From the first of each kind to the second of each.
        async Task DecidesAsync(Dictionary<string, string> labels)
        {
            var (senders, receivers) = (members.Take(members.Count / 2).ToArray(), members.Skip(members.Count / 2).ToArray());
            var expected = senders.SelectMany(_ => receivers, (a, b) => (From: a, To: b))
                .Where(pair => labels[pair.From.Label] == LetsIn[pair.To.Label])
                .Select(pair => $"{pair.From.Kind} -> {pair.To.Kind}").Order().ToArray();
            var found = Array.Empty<string>();
            await UntilAsync(async () =>
            {
                var asks = senders.Select(a => $"nsenter -t {a.Pid} -n bash -c '" + string.Join("\n", receivers.Select(b =>
                    $"(/bin/busybox ping -c 1 -W 1 {b.Address} >/dev/null 2>&1 && echo \"{a.Kind} -> {b.Kind}\") &")) + "\nwait' &");
                var answers = await host.ShellAsync(string.Join("\n", asks) + "\nwait");
                found = [.. answers.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order()];
                return found.SequenceEqual(expected);
            }, () => $"{string.Join(", ", labels)}: {string.Join("; ", found)}; expected {string.Join("; ", expected)}");
        }

        // Its addresses are free, and everybody else's stay.
        async Task EndedAsync(params string[] kinds)
        {
            var gone = members.Where(m => kinds.Contains(m.Kind)).ToArray();
            members.RemoveAll(gone.Contains);
            var held = Array.Empty<string>();
            var wanted = members.Select(m => m.Address).Order().ToArray();
            await UntilAsync(async () =>
            {
                var shown = await host.ShellAsync(
                    "calicoctl get workloadendpoints -A -o json | grep -o '10\\.81\\.0\\.[0-9]*' | sort -u || true");
                held = [.. shown.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order()];
                return held.SequenceEqual(wanted);
            }, () => $"after {string.Join(", ", kinds)}: {string.Join(' ', held)}; expected {string.Join(' ', wanted)}");
            foreach (var member in gone)
            {
                var shown = (await host.CalicoctlAsync($"ipam show --ip {member.Address}")).Output;
                Assert.That(shown, Does.Contain("not assigned").IgnoreCase, $"{member.Kind}: {shown}");
            }
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what)
    {
        for (var left = 100; !await condition(); left--)
        {
            if (left == 0)
            {
                Assert.Fail(what());
            }

            await Task.Delay(100);
        }
    }

    /// <param name="Kind">Who started it.</param>
    /// <param name="Label">What its profile calls it at first.</param>
    /// <param name="Pid">Its process.</param>
    /// <param name="Address">Its own.</param>
    /// <param name="Id">Its name where it was started.</param>
    private sealed record Member(string Kind, string Label, int Pid, string Address, string Id)
    {
        public PlayedTask? Task { get; init; }
    }
}
