using System.Text.Json.Nodes;
using Calico.Plugins.Mesos.V1;
using Calico.TestKit.Hosts;
using Grpc.Core;

namespace Calico.SystemTests.Mesos;

/// <summary>A played agent with a real host: each of its three ways, with processes and namespaces as they are.</summary>
public sealed class AgentTests : MesosScene
{
    [Test]
    public async Task M18_a_container_over_gRPC_has_its_address_its_policy_and_its_counters()
    {
        var (a, b, c) = (await StartTaskAsync("grpc-a"), await StartTaskAsync("grpc-b"), await StartTaskAsync("grpc-c"));
        var first = await Agent.LaunchAsync(a, new NetworkInfo { Name = "net", Groups = { "one" } });
        var second = await Agent.LaunchAsync(b, new NetworkInfo { Name = "net", Groups = { "one" } });
        var third = await Agent.LaunchAsync(c, new NetworkInfo { Name = "net", Groups = { "other" } });
        Assert.That((await a.RunAsync("ip -o addr show eth0")).Output, Does.Contain($"{first}/32"));
        Assert.That(await a.PingAsync(second), Is.True, "one netgroup");
        Assert.That(await a.PingAsync(third), Is.False, "another netgroup");
        Assert.That((await Host.RunAsync(["/bin/busybox", "ping", "-c", "1", "-W", "1", third])).ExitCode,
            Is.Zero, "the machine reaches all");
        var usage = await Agent.Isolator.UsageAsync(new() { ContainerId = PlayedAgent.Id("grpc-a") });
        Assert.That(usage.Total.TxPackets, Is.GreaterThan(0UL));
        await Agent.Isolator.UpdateAsync(new() { ContainerId = PlayedAgent.Id("grpc-c"),
            NetworkInfos = { new NetworkInfo { Name = "net", Groups = { "one" } } } });
        await UntilAsync(() => a.PingAsync(third), "it is in the group by now");
        foreach (var task in new[] { a, b, c })
        {
            await Agent.CleanupAsync(task.Id);
        }
    }

    [Test]
    public async Task M18_a_container_by_calico_mesos_in_the_order_of_net_modules()
    {
        var (a, b) = (await StartTaskAsync("nm-a"), await StartTaskAsync("nm-b"));
        var first = await Agent.LaunchByNetModulesAsync(a, "one");
        var second = await Agent.LaunchByNetModulesAsync(b, "one", "public");
        Assert.That(await a.PingAsync(second), Is.True);
        Assert.That(await b.PingAsync(first), Is.True);
        // Released, and wired still: nobody else gets it.
        await Agent.NetModulesAsync($$$"""{"command":"release","args":{"ips":["{{{first}}}"]}}""");
        var reserved = await Agent.NetModulesAsync(
            $$$"""{"command":"reserve","args":{"hostname":"h","uid":"thief","ipv4_addrs":["{{{first}}}"],"ipv6_addrs":[]}}""",
                mayFail: true);
        Assert.That((string)reserved["error"]!, Is.EqualTo($"IP '{first}' already in use."));
        Assert.That(await b.PingAsync(first), Is.True, "its own still");
        await Agent.CleanupByNetModulesAsync("nm-a", first);
        await Agent.CleanupByNetModulesAsync("nm-b", second);
    }

    [Test]
    public async Task M18_a_container_by_Mesos_own_CNI_isolator_has_its_labels_and_goes_without_its_namespace()
    {
        if (CniAs is null)
        {
            Assert.Ignore("cni_as.py is not here: CALICO_REFERENCE");
        }

        var task = await StartTaskAsync("cni-a");
        var address = await Agent.LaunchByCniAsync(task, """{"labels":{"labels":[{"key":"org/role","value":"web"}]}}""");
        Assert.That((await task.RunAsync("ip -o addr show eth0")).Output, Does.Contain($"{address}/32"));
        Assert.That((await Host.CalicoctlAsync("get workloadendpoints -A -o json")).Output, Does.Contain("\"org.role\": \"web\""));
        await task.KillAsync();
        await Agent.CleanupByCniAsync(task);
    }

    [Test]
    public async Task M18_the_three_ways_share_one_pool_and_one_policy()
    {
        if (CniAs is null)
        {
            Assert.Ignore("cni_as.py is not here: CALICO_REFERENCE");
        }

        var (g, n, c) = (await StartTaskAsync("all-g"), await StartTaskAsync("all-n"), await StartTaskAsync("all-c"));
        // The netgroup is the CNI network's name: one profile.
        string[] addresses =
        [
            await Agent.LaunchAsync(g, new NetworkInfo { Name = "mesos-cni" }),
            await Agent.LaunchByNetModulesAsync(n, "mesos-cni"),
            await Agent.LaunchByCniAsync(c),
        ];
        Assert.That(addresses.Distinct().Count(), Is.EqualTo(3));
        foreach (var task in new[] { g, n, c })
        {
            foreach (var address in addresses)
            {
                Assert.That(await task.PingAsync(address), Is.True, $"{task.Id} to {address}");
            }
        }

        await Agent.CleanupAsync("all-g");
        await Agent.CleanupByNetModulesAsync("all-n", addresses[1]);
        await Agent.CleanupByCniAsync(c);
    }

    [Test]
    public async Task M18_the_hosts_own_namespace_and_a_process_that_has_ended_are_refused_by_both_ways()
    {
        var task = await StartTaskAsync("gone");
        await Agent.Isolator.PrepareAsync(new() { ContainerId = PlayedAgent.Id("x"), NetworkInfos = { new NetworkInfo { Name = "net" } } });
        await AssertRefusedAsync(1, StatusCode.InvalidArgument);
        await task.KillAsync();
        await UntilAsync(async () => (await Host.RunAsync(["test", "-e", $"/proc/{task.Pid}/ns/net"])).ExitCode != 0, "it has ended");
        await AssertRefusedAsync(task.Pid, StatusCode.NotFound);
        foreach (var pid in new[] { 1, task.Pid })
        {
            var refused = await Agent.NetModulesAsync($$$"""
                {"command":"isolate","args":{"hostname":"h","container_id":"y","pid":{{{pid}}},"ipv4_addrs":["10.65.9.9"],"netgroups":[]}}
                """, mayFail: true);
            Assert.That((string)refused["error"]!, Does.Contain("process"));
        }

        await Agent.CleanupAsync("x");

        async Task AssertRefusedAsync(int pid, StatusCode code)
        {
            try
            {
                await Agent.Isolator.IsolateAsync(new() { ContainerId = PlayedAgent.Id("x"), Pid = (uint)pid });
                Assert.Fail($"process {pid} was isolated");
            }
            catch (RpcException e)
            {
                Assert.That(e.StatusCode, Is.EqualTo(code), e.Status.Detail);
            }
        }
    }

    [Test]
    public async Task M18_ten_megabytes_on_standard_input_are_an_error_of_net_modules_and_no_broken_pipe()
    {
        var reply = await Agent.NetModulesAsync("{\"command\":\"" + new string('x', 10 << 20), mayFail: true);
        Assert.That((string)reply["error"]!, Is.EqualTo("the request has 10485772 bytes; at most 524288 are read"));
    }

    [Test]
    public async Task M18_calico_mesos_of_0_23_takes_words()
    {
        var task = await StartTaskAsync("old");
        var chosen = (await Host.ShellAsync("/opt/cni/bin/calico_mesos assign_ipv4")).Trim();
        Assert.That(await Host.ShellAsync($"/opt/cni/bin/calico_mesos isolate {task.Pid} old {chosen} prof"), Is.Empty);
        Assert.That((await task.RunAsync("ip -o addr show eth0")).Output, Does.Contain($"{chosen}/32"));
        var again = await Host.RunAsync(["/opt/cni/bin/calico_mesos", "isolate", $"{task.Pid}", "old", chosen, "prof"]);
        Assert.That((again.ExitCode, again.Output, again.Error),
            Is.EqualTo((1, "", "This container has already been configured with Calico Networking.\n")));
        await Host.ShellAsync("/opt/cni/bin/calico_mesos cleanup old");
    }

    [Test]
    public async Task M18_an_interface_that_vanishes_is_a_limitation()
    {
        var task = await StartTaskAsync("cut");
        await Agent.LaunchAsync(task, new NetworkInfo { Name = "net" });
        using var watch = Agent.Isolator.Watch(new() { ContainerId = PlayedAgent.Id("cut") });
        var next = watch.ResponseStream.MoveNext(CancellationToken.None);
        await task.RunAsync("ip link del eth0");
        Assert.That(await next.WaitAsync(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(watch.ResponseStream.Current.Reason, Is.EqualTo(Limitation.Types.Reason.InterfaceLost));
        await Agent.CleanupAsync("cut");
    }
}
