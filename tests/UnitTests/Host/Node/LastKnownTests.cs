using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Node;

/// <summary>What a former process was told is enforced where the store does not tell more, and only there.</summary>
[Parallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LastKnownTests
{
    private static readonly Func<CancellationToken, Task> Answers = _ => Task.CompletedTask;

    private readonly string _folder = Directory.CreateTempSubdirectory("calico-test-known-").FullName;
    private readonly FakeTimeProvider _time = new();
    private readonly List<SyncBatch> _told = [];
    private readonly DatastoreView _view;
    private readonly StoreFeed _feed;
    private ImmutableArray<SyncUpdate> _promised = [];
    private SyncHealth _sync = new(SyncStatus.WaitForStore, 0, null, 0, null, 0);

    public LastKnownTests()
    {
        _view = new("node1", _time);
        _feed = new(_view, _told.Add);
        var pool = Pool("before");
        new SnapshotFile(Path.Combine(_folder, PolicySnapshot.FileName)).Replace(
            [new SnapshotFrame(5, EndsList: true, [new(Kinds.IpPool.Path(pool.Key), Kinds.IpPool.Encode(pool.Value!))]).Encode()]);
    }

    [TearDown]
    public void End() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task A_store_that_answers_and_tells_everything_is_all_that_is_heard()
    {
        _promised = [new(Kinds.Profile.Key("p"), null)];
        var known = Known(Answers);
        await known.EnforceAsync(CancellationToken.None);
        Assert.That(_told.SelectMany(b => b.Updates), Is.EqualTo(_promised), "what was promised nobody else says");
        Assert.That(_told.Select(b => b.Status), Is.All.EqualTo(SyncStatus.Resync), "whether all is known only the store says");

        await WatchAsync(known, () =>
        {
            Tell(SyncStatus.Resync, Pool("now"));
            Pass(0.9);
            Tell(SyncStatus.Resync, Pool("later"));
            Pass(0.9);
            Tell(SyncStatus.InSync);
            Pass(60);
            return Task.CompletedTask;
        });
        Assert.That(Pools(), Is.EqualTo(new[] { "later", "now" }));
        Assert.That(_told.SelectMany(b => b.Updates).Select(u => u.Key.Name), Has.None.EqualTo("before"));
    }

    [Test]
    public async Task A_store_whose_first_answer_takes_a_moment_answers()
    {
        var known = Known(ct => Task.Delay(TimeSpan.FromMilliseconds(400), _time, ct));
        var enforcing = known.EnforceAsync(CancellationToken.None);
        Pass(0.4);
        await enforcing;
        Assert.That(_told, Is.Empty, "what was known is not read: the store tells it, and newer");
    }

    [Test]
    public async Task A_store_that_does_not_answer_leaves_what_was_known_in_force_at_once([Values] bool isSilent)
    {
        var known = Known(async ct =>
        {
            if (isSilent)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, ct);
            }

            throw new CalicoException(Problem.Unavailable, "refused");
        });
        var enforcing = known.EnforceAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        await enforcing;
        Assert.That(Pools(), Is.EqualTo(new[] { "before" }));
        Assert.That(_told[^1].Status, Is.EqualTo(SyncStatus.InSync), "workloads can be connected");
    }

    [Test]
    public async Task A_store_that_fails_or_falls_silent_in_the_middle_is_helped_out([Values("fails", "silent", "slow")] string how)
    {
        _promised = [new(Kinds.Profile.Key("p"), null)];
        var known = Known(Answers);
        await known.EnforceAsync(CancellationToken.None);
        await WatchAsync(known, async () =>
        {
            Tell(SyncStatus.Resync, Pool("now"));
            Pass(0.5);
            Assert.That(Pools(), Is.EqualTo(new[] { "now" }), "it is at it");
            if (how == "fails")
            {
                _sync = _sync with { Failures = 1 };
            }

            for (var i = 0; i < 200 && Pools().Length == 1; i++)
            {
                if (how == "slow")
                {
                    Tell(SyncStatus.Resync);
                }

                Pass(how == "fails" ? 0.05 : 0.1);
                await Task.Yield();
            }
        });
        Assert.That(Pools(), Is.EqualTo(new[] { "before", "now" }));
        Assert.That(_told[^2].Status, Is.EqualTo(SyncStatus.InSync), "workloads can be connected");
        Assert.That(_told[^1].Updates, Is.EqualTo(_promised), "what was promised goes over what was known");
    }

    private LastKnown Known(Func<CancellationToken, Task> ask)
    {
        var file = Path.Combine(_folder, PolicySnapshot.FileName);
        var snapshot = new PolicySnapshot(file, new InMemoryNodeLog(), _time, NullLogger<PolicySnapshot>.Instance);
        return new(snapshot, ask, _feed, () => _promised, _told.Add, _time);
    }

    private async Task WatchAsync(LastKnown known, Func<Task> meanwhile)
    {
        using var end = new CancellationTokenSource();
        var watching = known.WatchAsync(() => _sync, end.Token);
        await meanwhile();
        await end.CancelAsync();
        Assert.That(async () => await watching, Throws.InstanceOf<OperationCanceledException>());
    }

    private void Tell(SyncStatus status, params SyncUpdate[] updates)
    {
        _sync = _sync with { Status = status, ConfirmedTimestamp = _time.GetTimestamp() };
        _feed.Accept(new(status, 9, [.. updates]));
    }

    /// <summary>In small steps, so that whoever looks in between does.</summary>
    private void Pass(double seconds)
    {
        for (var step = 0; step < seconds / 0.05; step++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(50));
        }
    }

    private string[] Pools() => [.. _view.List(Kinds.IpPool).Select(p => p.Metadata.Name)];

    private static SyncUpdate Pool(string name) =>
        new(Kinds.IpPool.Key(name), Kinds.IpPool.New(name, new IpPoolSpec { Cidr = "10.0.0.0/16" }));
}
