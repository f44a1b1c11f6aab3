using System.Runtime.Versioning;
using Calico.Plugins.Mesos.V1;
using Calico.UnitTests.Host;
using Grpc.Core;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>The adapter over the host's own parts: connect transaction, IPAM, profiles; kernel and store in memory.</summary>
[TestFixture]
[UnsupportedOSPlatform("windows")]
public sealed class OverHostTests
{
    private HostUnderTest _host = null!;
    private MesosHarness _mesos = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("mesos");
        _mesos = await MesosHarness.StartOverAsync(_host);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _mesos.DisposeAsync();
        await _host.DisposeAsync();
    }

    [Test]
    public async Task M18_a_life_leaves_neither_endpoint_nor_lease()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "one", Groups = { "a", "public" } });
        Assert.That((await _mesos.IsolateAsync("c")).Interfaces.Select(i => i.State), Is.All.EqualTo("Enforced"));
        Assert.That(await _host.Ipam.ListAsync(null, CancellationToken.None), Has.Length.EqualTo(1));
        await CleanupAsync("c");
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_two_networks_that_share_a_pool_are_refused_and_nothing_is_left()
    {
        var refused = await MesosHarness.RefusedAsync(() => _mesos.PrepareAsync("c", new NetworkInfo { Name = "one" },
            new NetworkInfo { Name = "two" }));
        Assert.That(refused.Status.Detail, Does.Contain("need pools of their own"));
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_an_address_that_is_released_before_the_cleanup_is_nobody_elses_until_then()
    {
        var agent = new NetModulesAgent(_mesos);
        var address = (await AllocatedAsync(agent, 1))[0];
        Assert.That(await agent.CallAsync(NetModulesAgent.Isolate("c", "[]", "[]", address)), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(await agent.CallAsync($$$"""{"command":"release","args":{"ips":["{{{address}}}"]}}"""),
            Is.EqualTo(NetModulesAgent.Done));
        Assert.That(await agent.CallAsync($$$"""{"command":"reserve","args":{"hostname":"h","uid":"v","ipv4_addrs":["{{{address}}}"]}}"""),
            Is.EqualTo($$"""{"error":"IP '{{address}}' already in use."}"""));
        Assert.That(await agent.CallAsync(NetModulesAgent.Cleanup("c")), Is.EqualTo(NetModulesAgent.Done));
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_cleanup_without_a_release_frees_the_address_too()
    {
        var agent = new NetModulesAgent(_mesos);
        var address = (await AllocatedAsync(agent, 1))[0];
        await agent.CallAsync(NetModulesAgent.Isolate("c", "[]", "[]", address));
        Assert.That(await agent.CallAsync(NetModulesAgent.Cleanup("c")), Is.EqualTo(NetModulesAgent.Done));
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_two_uids_do_not_reserve_one_address_and_one_uid_may_ask_again()
    {
        await _mesos.Isolator.ReserveAsync(new() { Uid = "u", Addresses = { Free(9) } });
        await _mesos.Isolator.ReserveAsync(new() { Uid = "u", Addresses = { Free(9) } });
        var refused = await MesosHarness.RefusedAsync(async () => await _mesos.Isolator.ReserveAsync(new() { Uid = "v", Addresses =
            { Free(8), Free(9) } }));
        Assert.That(refused.StatusCode, Is.EqualTo(StatusCode.AlreadyExists));
        Assert.That((await _host.Ipam.ListAsync(null, CancellationToken.None)).Select(l => l.Address.ToString()),
            Is.EqualTo(new[] { Free(9) }));
        await _mesos.Isolator.ReleaseAsync(new() { Uid = "u" });
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_kept_addresses_outlive_their_container_until_they_are_released()
    {
        var allocated = await _mesos.Isolator.AllocateAsync(new() { Uid = "task", NumIpv4 = 1, Keep = true });
        foreach (var id in new[] { "first", "second" })
        {
            var prepared = await _mesos.PrepareAsync(id, new NetworkInfo { Name = "n", LeaseUid = "task" });
            Assert.That(prepared.Environment["LIBPROCESS_IP"],
                Is.EqualTo(allocated.Ipv4.Single()), "a task that is started again has its address");
            await _mesos.IsolateAsync(id);
            await CleanupAsync(id);
        }

        Assert.That((await _mesos.Isolator.ReleaseAsync(new() { Uid = "task" })).Deferred, Is.Empty);
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_without_a_store_a_removal_is_done_and_a_claim_says_try_again()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "n" });
        await _mesos.IsolateAsync("c");
        await _host.KillStoreAsync();
        await CleanupAsync("c");
        Assert.That((await MesosHarness.RefusedAsync(() =>
            _mesos.PrepareAsync("d", new NetworkInfo { Name = "n", IpAddresses = { Exact(Free(77)) } }))).StatusCode,
            Is.EqualTo(StatusCode.Unavailable));
        await _host.ReviveStoreAsync();
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_ids_that_are_nested_or_have_capitals_are_each_their_own()
    {
        foreach (var id in new[] { "Task_A", "task_a", "Task_A.child" })
        {
            await _mesos.PrepareAsync(id, new NetworkInfo { Name = "n" });
            await _mesos.IsolateAsync(id);
        }

        Assert.That((await _host.Ipam.ListAsync(null, CancellationToken.None)).Select(l => l.Handle).Distinct().Count(), Is.EqualTo(3));
        foreach (var id in new[] { "Task_A.child", "task_a", "Task_A" })
        {
            await CleanupAsync(id);
        }

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task M18_a_failed_isolate_leaves_no_address_wired_or_taken_whoever_had_it()
    {
        var agent = new NetModulesAgent(_mesos);
        var address = (await AllocatedAsync(agent, 1))[0];
        foreach (var asked in new[] { address, Free(99) })
        {
            // Refused after the preparation.
            _mesos.Node.Faults.FailAt("namespaces.open", new CalicoException(Problem.NotFound, "it has ended"), nth: 2);
            Assert.That(await agent.CallAsync(NetModulesAgent.Isolate("c", "[]", "[]", asked)), Is.EqualTo("""{"error":"it has ended"}"""));
            Assert.That(await agent.CallAsync($$$"""{"command":"release","args":{"ips":["{{{asked}}}"]}}"""),
                Is.EqualTo(NetModulesAgent.Done));
            await AssertNothingIsLeftAsync();
        }
    }

    [Test]
    public async Task M18_a_group_that_is_called_like_an_internal_network_leaves_it_internal()
    {
        var inside = new ProfileDefaults(true, System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty);
        await _host.Profiles.EnsureAsync("inside", inside, CancellationToken.None);
        await _host.SeeAsync(_host.View);
        const string key = "/calico/resources/v3/projectcalico.org/profiles/inside";
        var before = _host.Store.Snapshot(key).Single().Version;
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "n", Groups = { "inside" } });
        Assert.That(_host.Store.Snapshot(key).Single().Version, Is.EqualTo(before));
        await CleanupAsync("c");
        await AssertNothingIsLeftAsync();
    }

    private string Free(int last) => $"{_host.Pool.Split('/')[0][..(_host.Pool.LastIndexOf('.') + 1)]}{last}";

    private static NetworkInfo.Types.IPAddress Exact(string address) => new() { IpAddress = address };

    private static async Task<string[]> AllocatedAsync(NetModulesAgent agent, int count) =>
        [.. System.Text.Json.Nodes.JsonNode.Parse((await agent.AllocateAsync(count, 0)).Output)!["ipv4"]!.AsArray()
            .Select(a => (string)a!)];

    private async Task CleanupAsync(string id) => await _mesos.Isolator.CleanupAsync(new() { ContainerId = MesosHarness.Id(id) });

    private async Task AssertNothingIsLeftAsync()
    {
        Assert.That(await _host.Network.ListAsync(null, CancellationToken.None), Is.Empty);
        Assert.That(await _host.Ipam.ListAsync(null, CancellationToken.None), Is.Empty);
        Assert.That(await _host.ListLinksAsync(), Is.Empty);
    }
}
