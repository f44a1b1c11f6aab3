using System.Runtime.Versioning;
using Calico.Plugins.Mesos.V1;
using Calico.TestKit;
using Grpc.Core;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>Containers that nobody cleans up: recover's list, the sweep, and what a watch tells.</summary>
[TestFixture, Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class ForgottenContainerTests
{
    private MesosHarness _mesos = null!;

    [SetUp]
    public async Task StartAsync() =>
        _mesos = await MesosHarness.StartAsync(configure: s => s.LimitedAfter = TimeSpan.FromMilliseconds(50));

    [TearDown]
    public async Task StopAsync() => await _mesos.DisposeAsync();

    [Test]
    public async Task M18_recover_adopts_what_lives_and_collects_what_does_not()
    {
        foreach (var id in new[] { "a", "b", "c" })
        {
            await RunAsync(id);
        }

        await _mesos.PrepareAsync("b.child");
        await _mesos.RestartAsync();
        var recovered = await RecoverAsync("", "a", "unknown");
        Assert.Multiple(() =>
        {
            Assert.That(recovered.Adopted.Select(s => (s.ContainerId.Value, s.NetworkInfos.Single().IpAddresses.Single().IpAddress)),
                Is.EqualTo(new[] { ("a", "10.65.0.0") }));
            Assert.That(recovered.Collected, Is.EqualTo(new[] { MesosHarness.Id("b.child"), MesosHarness.Id("b"), MesosHarness.Id("c") }));
            Assert.That(recovered.Unknown.Select(u => u.Value), Is.EqualTo(new[] { "unknown" }));
            Assert.That(_mesos.Node.Endpoints.Select(e => e.Spec.Id.Workload), Is.EqualTo(new[] { "a" }));
            Assert.That(_mesos.Node.Leases, Has.Length.EqualTo(1));
        });
    }

    [Test]
    public async Task M18_an_agents_list_says_nothing_of_another_agents_containers_nor_of_net_modules()
    {
        await _mesos.Isolator.PrepareAsync(new() { ContainerId = MesosHarness.Id("mine"),
            NetworkInfos = { new NetworkInfo { Name = "n" } }, Agent = "one" });
        await _mesos.Isolator.PrepareAsync(new() { ContainerId = MesosHarness.Id("yours"),
            NetworkInfos = { new NetworkInfo { Name = "n" } }, Agent = "two" });
        await _mesos.NetModulesAsync($$$"""
            {"command":"isolate","args":{"hostname":"h","container_id":"old","pid":{{{MesosHarness.Pid}}},
            "ipv4_addrs":["10.65.0.9"],"netgroups":[]}}
            """);
        Assert.That((await RecoverAsync("one")).Collected.Select(c => c.Value), Is.EqualTo(new[] { "mine" }));
        Assert.That(_mesos.Node.Endpoints.Select(e => e.Spec.Id.Workload), Is.EquivalentTo(new[] { "yours", "old" }));
    }

    [Test]
    public async Task M18_what_recover_cannot_take_away_is_named_and_taken_away_by_the_sweep()
    {
        await RunAsync("a");
        _mesos.Node.Faults.FailAt("dataplane.remove", new CalicoException(Problem.Unavailable, "the kernel did not answer"));
        var recovered = await RecoverAsync("");
        Assert.That(recovered.NotCollected.Select(n => (n.ContainerId.Value, n.Reason)),
            Is.EqualTo(new[] { ("a", "the kernel did not answer") }));
        Assert.That(await _mesos.Get<ContainerSweep>().SweepAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That((_mesos.Node.Endpoints.Length, _mesos.Node.Leases.Length), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task M18_the_sweep_takes_away_what_lost_its_interface_and_what_never_had_one()
    {
        var time = new ManualTime();
        await using var mesos = await MesosHarness.StartAsync(time);
        await mesos.PrepareAsync("lives", new NetworkInfo { Name = "n" });
        await mesos.IsolateAsync("lives");
        await mesos.PrepareAsync("lost", new NetworkInfo { Name = "n" });
        await mesos.IsolateAsync("lost");
        await mesos.PrepareAsync("unused", new NetworkInfo { Name = "n" });
        mesos.Node.LoseLink(mesos.Node.Endpoints.Single(e => e.Spec.Id.Workload == "lost").Attachment.HostInterface);
        mesos.Node.Crash();
        await mesos.RestartAsync();
        var sweep = mesos.Get<ContainerSweep>();
        Assert.That(await sweep.SweepAsync(CancellationToken.None), Is.Zero, "not at once");
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.That(await sweep.SweepAsync(CancellationToken.None), Is.Zero, "its agent may still clean up");
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(await sweep.SweepAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That(mesos.Node.Endpoints.Select(e => e.Spec.Id.Workload), Is.EquivalentTo(new[] { "lives", "unused" }));
        time.Advance(TimeSpan.FromMinutes(15));
        Assert.That(await sweep.SweepAsync(CancellationToken.None), Is.EqualTo(1));
        Assert.That(mesos.Node.Endpoints.Select(e => e.Spec.Id.Workload), Is.EqualTo(new[] { "lives" }));
        Assert.That(mesos.Node.Leases, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task M18_the_live_report_names_every_container_of_the_book_and_none_whose_document_was_lost()
    {
        await RunAsync("a");
        await _mesos.PrepareAsync("b", new NetworkInfo { Name = "n" });
        await _mesos.Node.Dataplane.PrepareAsync(new()
        {
            Id = new("mesos", "lost", "eth0"), Instance = "lost", Profiles = [],
            Claim = new() { Handle = "h", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, CancellationToken.None);
        var report = await _mesos.Get<ILiveWorkloads>().ListLiveAsync(CancellationToken.None);
        Assert.That((report.Complete, string.Join(' ', report.Endpoints.Select(e => e.Id.Workload).Order())), Is.EqualTo((true, "a b")));
    }

    [Test]
    public async Task M18_a_damaged_document_is_a_container_that_can_be_cleaned_up()
    {
        await RunAsync("a");
        var document = (await _mesos.Node.State.ListAsync(StateScope.Node, "containers/", CancellationToken.None)).Single();
        await _mesos.Node.State.CommitAsync(StateScope.Node, [KeyValuePair.Create(document.Key, (ReadOnlyMemory<byte>?)"{"u8.ToArray())],
            CancellationToken.None);
        await _mesos.RestartAsync();
        Assert.That((await RecoverAsync("")).Collected, Is.Empty, "whose it is nobody knows");
        await _mesos.Isolator.CleanupAsync(new() { ContainerId = MesosHarness.Id("a") });
        Assert.That((_mesos.Node.Endpoints.Length, _mesos.Node.Leases.Length), Is.EqualTo((0, 0)));
        Assert.That(await _mesos.Node.State.ListAsync(StateScope.Node, "", CancellationToken.None), Is.Empty);
    }

    [Test]
    public async Task M18_a_watch_ends_without_a_word_when_the_container_is_cleaned_up()
    {
        await RunAsync("a");
        using var watch = await WatchAsync("a");
        await _mesos.Isolator.CleanupAsync(new() { ContainerId = MesosHarness.Id("a") });
        Assert.That(await NextAsync(watch), Is.Null);
    }

    [Test]
    public async Task M18_a_watch_tells_that_the_endpoint_was_removed_by_another()
    {
        await RunAsync("a");
        using var watch = await WatchAsync("a");
        await _mesos.Node.Dataplane.RemoveAsync(new("mesos", "a", "eth0"), null, CancellationToken.None);
        var limit = await NextAsync(watch);
        Assert.That((limit!.Reason, limit.InterfaceName), Is.EqualTo((Limitation.Types.Reason.InterfaceLost, "eth0")));
        Assert.That(await NextAsync(watch), Is.Null, "one, and no more");
    }

    [Test]
    public async Task M18_a_watch_tells_that_an_interface_vanished()
    {
        await RunAsync("a");
        using var watch = await WatchAsync("a");
        await _mesos.Node.Dataplane.DetachAsync(new("mesos", "a", "eth0"), null, CancellationToken.None);
        Assert.That((await NextAsync(watch))!.Reason, Is.EqualTo(Limitation.Types.Reason.InterfaceLost));
    }

    [Test]
    public async Task M18_a_watch_of_a_nested_container_is_of_its_parents_network()
    {
        await RunAsync("a");
        await _mesos.PrepareAsync("a.child");
        using var watch = await WatchAsync("a.child");
        await _mesos.Node.Dataplane.DetachAsync(new("mesos", "a", "eth0"), null, CancellationToken.None);
        Assert.That((await NextAsync(watch))!.InterfaceName, Is.EqualTo("eth0"));
    }

    [Test]
    public async Task M18_a_watch_of_a_nested_container_ends_at_its_own_cleanup()
    {
        await RunAsync("a");
        await _mesos.PrepareAsync("a.child");
        using var watch = await WatchAsync("a.child");
        await _mesos.Isolator.CleanupAsync(new() { ContainerId = MesosHarness.Id("a.child") });
        Assert.That(await NextAsync(watch), Is.Null);
        Assert.That(_mesos.Node.Endpoints, Has.Length.EqualTo(1), "the parent's");
    }

    [Test]
    public async Task M18_a_nested_container_whose_parent_is_gone_has_lost_its_interface([Values] bool before)
    {
        await RunAsync("a");
        await _mesos.PrepareAsync("a.child");
        using var early = before ? null : await WatchAsync("a.child");
        await _mesos.Isolator.CleanupAsync(new() { ContainerId = MesosHarness.Id("a") });
        using var watch = early ?? _mesos.Isolator.Watch(new() { ContainerId = MesosHarness.Id("a.child") });
        var limit = await NextAsync(watch);
        Assert.That((limit!.Reason, limit.Message),
            Is.EqualTo((Limitation.Types.Reason.InterfaceLost, "container a, whose network it shares, is gone")));
    }

    [Test]
    public async Task M18_a_watch_ends_with_unavailable_when_the_host_drains()
    {
        await RunAsync("a");
        using var watch = await WatchAsync("a");
        _mesos.Lifetime.Drain();
        Assert.That((await MesosHarness.RefusedAsync(() => NextAsync(watch))).StatusCode, Is.EqualTo(StatusCode.Unavailable));
    }

    [Test]
    public async Task M18_a_watch_of_nobody_is_not_found()
    {
        using var watch = _mesos.Isolator.Watch(new() { ContainerId = MesosHarness.Id("a") });
        Assert.That((await MesosHarness.RefusedAsync(() => NextAsync(watch))).StatusCode, Is.EqualTo(StatusCode.NotFound));
    }

    private async Task RunAsync(string id)
    {
        await _mesos.PrepareAsync(id, new NetworkInfo { Name = "n" });
        await _mesos.IsolateAsync(id);
    }

    private async Task<RecoverResponse> RecoverAsync(string agent, params string[] live) => await _mesos.Isolator.RecoverAsync(new()
    {
        Agent = agent, Containers = { live.Select(id => new RecoverRequest.Types.Container { ContainerId = MesosHarness.Id(id) }) },
    });

    /// <summary>Returns when the adapter watches.</summary>
    private async Task<AsyncServerStreamingCall<Limitation>> WatchAsync(string id)
    {
        var watching = new TaskCompletionSource();
        _mesos.Node.Faults.Passing = point =>
        {
            if (point == "dataplane.watch")
            {
                watching.TrySetResult();
            }
        };
        var call = _mesos.Isolator.Watch(new() { ContainerId = MesosHarness.Id(id) });
        await watching.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return call;
    }

    private static async Task<Limitation?> NextAsync(AsyncServerStreamingCall<Limitation> watch)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return await watch.ResponseStream.MoveNext(limit.Token) ? watch.ResponseStream.Current : null;
    }
}
