using System.Collections.Immutable;
using System.Text.Json;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Stages;
using Calico.TestKit.Store;
using Calico.UnitTests.Cli;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>§4 of issue 14: what fails is in health or <c>/ready</c>, in what <c>calicoctl status</c> prints, in a metric and in the log,
/// with object, error number and text.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WhatFailsIsSaidTests : IDisposable
{
    private const string Resources = "/calico/resources/v3/projectcalico.org/";
    private const string Refusal = "add rule inet calico forward: Operation not permitted (errno 1): no such set";

    private readonly LogLines _log = new();
    private readonly FakeTimeProvider _time = new();
    private readonly HealthBoard _health = new();
    private readonly StartGate _gate = new();
    private readonly InMemoryStore _store = new();
    private readonly HostMeters _meters;
    private readonly HostBasis _basis;
    private readonly DatastoreView _view;
    private readonly HostStatus _status;
    private readonly List<IStatusPart> _parts = [];
    private DataplaneStatus _dataplane = new(true, 7, DateTimeOffset.UnixEpoch, null, 0, 0, "", TimeSpan.Zero);

    public WhatFailsIsSaidTests()
    {
        _meters = new(new Microsoft.Extensions.Logging.Logger<HostMeters>(_log));
        _basis = new(_health, _meters, _time, _log);
        _view = new("node1", _time);
        _status = new("node1", _view, _health, _gate, () => _dataplane);
        _parts.Add(new ReadinessRoutes(_status, _health, _meters, _time));
        _gate.Open();
    }

    public void Dispose() => _meters.Dispose();

    [Test]
    public async Task S4_a_refusal_of_the_kernel()
    {
        var kernel = Kernel(_ => Task.FromResult(ImmutableSortedDictionary<string, long>.Empty));
        kernel.Notice();
        Assert.That(await MetricsAsync(),
            Does.Contain("calico_dataplane_refusals_total 0").And.Contain("calico_health{part=\"dataplane\",check=\"kernel\"} 1"));
        _dataplane = _dataplane with { InSync = false, LastError = Refusal };
        kernel.Notice();
        kernel.Notice();
        Assert.That(_status.CanConnect.Reasons, Has.Some.Contains(Refusal));
        Assert.That(await PrintedAsync(), Does.Contain("NOT READY").And.Contain($"kernel: {Refusal}"));
        Assert.That(await MetricsAsync(), Does.Contain("calico_dataplane_refusals_total 1\n").And
            .Contain("calico_health{part=\"dataplane\",check=\"kernel\"} 0").And.Contain("calico_ready 0"));

        // The log line is the loop's own (event 4003). It mends itself: the count stays.
        _dataplane = _dataplane with { InSync = true, LastError = null };
        kernel.Notice();
        Assert.That(await MetricsAsync(),
            Does.Contain("calico_dataplane_refusals_total 1\n").And.Contain("calico_health{part=\"dataplane\",check=\"kernel\"} 1"));
    }

    [Test]
    public async Task S4_a_loop_that_ended_and_the_rest_of_the_status_is_there([Values] bool byItself)
    {
        var kernel = Kernel(_ => throw new CalicoException(Problem.Unavailable, "the dataplane loop has ended"));
        _dataplane = _dataplane with { InSync = false, LastError = "System.InvalidOperationException: a defect\n   at Calico.X()" };
        kernel.Notice();
        var loops = new HostLoops(_health, _log);
        var ended = new TaskCompletionSource();
        loops.Run("dataplane", _ => ended.Task);
        Assert.That(_health.NotReady, Is.Empty);
        if (byItself)
        {
            ended.SetResult();
        }
        else
        {
            // Not our token: somebody else's.
            ended.SetException(new OperationCanceledException("another's time was over"));
        }

        await UntilAsync(() => !_health.NotReady.IsEmpty);
        var reason = $"host: dataplane: ended, {(byItself ? "without a reason" : "another's time was over")}; what it did is not done any "
            + "more: start calico-host again";
        Assert.That(_status.CanConnect.Reasons, Has.Some.EqualTo(reason));
        var printed = await PrintedAsync();
        Assert.That(printed, Does.Contain(reason).And.Contain("kernel: a defect").And
            .Contain("cannot be shown: the dataplane loop has ended"));
        Assert.That(printed, Does.Not.Contain("System.").And.Not.Contain("Exception"));
        Assert.That(await MetricsAsync(), Does.Contain("calico_health{part=\"host\",check=\"dataplane\"} 0"));
        Assert.That(_log.Lines, Has.Exactly(1).EqualTo("Error: the dataplane loop ended; a restart of the host is needed"));
        await loops.StopAsync();
    }

    [Test]
    public async Task S4_a_loop_that_was_asked_to_end_says_nothing()
    {
        var loops = new HostLoops(_health, _log);
        loops.Run("sync", token => Task.Delay(Timeout.Infinite, token));
        loops.Run("snapshot", async token => await Task.Delay(Timeout.Infinite, token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing));
        await loops.StopAsync();
        Assert.That(_health.NotReady, Is.Empty);
        Assert.That(_log.Lines, Is.Empty);
    }

    [Test]
    public async Task S4_a_table_that_was_healed()
    {
        var kernel = Kernel(_ => Task.FromResult(ImmutableSortedDictionary<string, long>.Empty));
        kernel.Notice();
        Assert.That(await PrintedAsync(), Does.Not.Contain("others changed"));
        _dataplane = _dataplane with { Healed = 2, LastHealed = "chain forward-egress", LastHeal = TimeSpan.FromMilliseconds(20) };
        kernel.Notice();
        _time.Advance(TimeSpan.FromSeconds(90));
        // Its log line is the loop's own (event 4006).
        Assert.That(await PrintedAsync(), Does.Contain("1 warning").And.Contain(
            "others changed this node's rules, routes or links 2 times since the start, and it was undone; the latest, 90 s ago: chain "
                + "forward-egress, which stood 20 ms"));
        Assert.That(await MetricsAsync(),
            Does.Contain("calico_dataplane_heals 2\n").And.Contain("calico_dataplane_last_heal_seconds 0.02\n"));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.That(await PrintedAsync(), Does.Not.Contain("others changed"), "no news for ever");
    }

    [Test]
    public async Task S4_stored_values_that_do_not_decode()
    {
        await using var follower = await FollowAsync();
        Assert.That(await MetricsAsync(), Does.Contain("calico_datastore_unusable_values 0\n").And.Contain("felix_resync_state 3\n"));
        _store.Set(Resources + "profiles/blue", "no JSON");
        await UntilAsync(() => !_view.Unusable.IsEmpty);
        Assert.That(await PrintedAsync(),
            Does.Contain("1 stored values cannot be used, a profile or policy among them denies: Profile(blue): "));
        Assert.That(await MetricsAsync(),
            Does.Contain("calico_datastore_unusable_values 1\n").And.Contain("calico_health{part=\"datastore\",check=\"values\"} 0"));
        Assert.That(_log.Lines, Has.Exactly(1).StartsWith($"Error: The value of {Resources}profiles/blue cannot be used: "));
        _store.Remove(Resources + "profiles/blue");
        await UntilAsync(() => _view.Unusable.IsEmpty);
        Assert.That(await MetricsAsync(), Does.Contain("calico_health{part=\"datastore\",check=\"values\"} 1"));
    }

    [Test]
    public void S4_a_block_that_is_JSON_and_makes_no_sense()
    {
        var census = new BlockCensus(_health);
        Tell("10.65.0.0/26", new() { Cidr = "10.65.0.0/26", Allocations = [0], Unallocated = [1] });
        Tell("10.65.0.64/26", new());
        Assert.That(_health.Lines.Single(l => !l.Ok), Is.EqualTo(new HealthLine("ipam", "stored blocks", false,
            "2 blocks make no sense: 10.65.0.0/26: block \"10.65.0.0/26\" has 1 allocations; 10.65.0.64/26: block \"\" has 0 allocations; "
            + "their addresses are kept and not given out: calicoctl ipam check", false)));
        Tell("10.65.0.0/26", null);
        Tell("10.65.0.64/26", new() { Cidr = "10.65.0.64/26", Allocations = [.. Enumerable.Repeat((int?)null, 64)],
            Unallocated = [.. Enumerable.Range(0, 64)] });
        Assert.That(_health.Lines.Where(l => !l.Ok), Is.Empty);

        void Tell(string name, IpamBlockSpec? spec) => census.Accept(new(SyncStatus.InSync, 1,
            [new(Kinds.IpamBlock.Key(name), spec is null ? null
                : new Resource<IpamBlockSpec> { Kind = "IPAMBlock", Metadata = new() { Name = name }, Spec = spec })]), SyncStatus.InSync);
    }

    [Test]
    public async Task S4_a_store_that_does_not_answer()
    {
        _store.Faults.Dead = true;
        await using var follower = await FollowAsync(untilInSync: false);
        await UntilAsync(() => _health.Lines.Any(l => l is { Part: "datastore", Check: "sync", Ok: false }));
        Assert.That(await PrintedAsync(),
            Does.Contain("the datastore (etcdv3) does not answer, tried 1 times").And.Contain("waiting for the store"));
        Assert.That(await MetricsAsync(), Does.Contain("calico_datastore_failures 1\n").And.Contain("felix_resync_state 1\n").And
            .Contain("calico_health{part=\"datastore\",check=\"sync\"} 0"));
        // The log a moment after health.
        await UntilAsync(() => _log.Lines
            .Any(l => l.StartsWith("Warning: The datastore does not answer (WaitForStore, revision 0): ", StringComparison.Ordinal)));
        _store.Faults.Dead = false;
        await UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return _view.Sync.Status == SyncStatus.InSync;
        });
        Assert.That(_health.Lines.Single(l => l is { Part: "datastore", Check: "sync" }).Ok, Is.True);
    }

    [Test]
    public async Task S4_a_store_that_has_fallen_silent_without_failing()
    {
        await using var follower = await FollowAsync();
        var watching = follower.WatchAsync();
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.That(_health.Lines.Single(l => l is { Part: "datastore", Check: "sync" }).Ok, Is.True);
        await UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            return _log.Lines.Any(l => l.Contains("has said nothing for", StringComparison.Ordinal));
        });
        Assert.That(await PrintedAsync(),
            Does.Match(@"the datastore \(etcdv3\) has said nothing for \d+ s; what it said last is enforced"));
        Assert.That(await MetricsAsync(),
            Does.Contain("calico_health{part=\"datastore\",check=\"sync\"} 0").And.Match(@"calico_datastore_age_seconds [3-9]\d"));
        _store.Set(Resources + "ippools/p", """{"kind":"IPPool","metadata":{"name":"p"},"spec":{"cidr":"10.0.0.0/16"}}""");
        await UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return _log.Lines.Contains("Information: the datastore (etcdv3) is heard again");
        });
        Assert.That(_health.Lines.Single(l => l is { Part: "datastore", Check: "sync" }).Ok, Is.True);
        Assert.That(watching.IsCompleted, Is.False);
    }

    [Test]
    public async Task S4_a_part_that_does_not_answer_in_time_hides_no_other()
    {
        _parts.Insert(0, new SlowPart());
        var reading = new StatusRoutes(_parts, _time).ReadAsync(CancellationToken.None);
        await UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return reading.IsCompleted;
        });
        var report = await reading;
        Assert.That((report.Node, report.Warnings.Single()),
            Is.EqualTo(("node1", new WarningReport("slow", "cannot be shown: no answer within 2 s", ""))));
    }

    private KernelHealth Kernel(Func<CancellationToken, Task<ImmutableSortedDictionary<string, long>>> drops)
    {
        var kernel = new KernelHealth(() => _dataplane, new(async ct => new(await drops(ct), []), _meters), _health, _meters, _time);
        _parts.AddRange([kernel.Warnings, kernel]);
        return kernel;
    }

    private async Task<Following> FollowAsync(bool untilInSync = true)
    {
        var feed = new StoreFeed(_view, _ => { });
        var follower = new DatastoreFollower(new(_store, ResourceKinds.All, Syncer.DefaultPrefixes, _time, _log),
            new("etcdv3", IsEmbedded: false), _view, [feed], _basis);
        _parts.Add(follower);
        var following = new Following(follower);
        if (untilInSync)
        {
            await UntilAsync(() => _view.Sync.Status == SyncStatus.InSync);
        }

        return following;
    }

    private Task<string> MetricsAsync() => _meters.WriteAsync(CancellationToken.None);

    /// <summary>What calicoctl makes of it.</summary>
    private async Task<string> PrintedAsync()
    {
        var json = JsonSerializer.Serialize(await new StatusRoutes(_parts, _time).ReadAsync(CancellationToken.None),
            StatusJson.Default.StatusReport);
        await using var host = new FakeHost().With("/status", json).Start();
        var cli = new CliRun { HostSocket = host.Socket };
        await cli.RunAsync("", "status");
        return cli.Output;
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        for (var i = 0; !holds(); i++)
        {
            Assert.That(i, Is.LessThan(2000), "not within 20 s");
            await Task.Delay(10);
        }
    }

    private sealed class SlowPart : IStatusPart
    {
        public string Part => "slow";

        public async Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct)
        {
            await Task.Delay(Timeout.Infinite, ct);
            return report => report;
        }
    }

    private sealed class Following : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly DatastoreFollower _follower;
        private readonly List<Task> _running = [];

        public Following(DatastoreFollower follower)
        {
            _follower = follower;
            _running.Add(follower.RunAsync(_stop.Token));
        }

        public Task WatchAsync()
        {
            _running.Add(_follower.WatchSilenceAsync(_stop.Token));
            return _running[^1];
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _stop.Dispose();
        }
    }
}
