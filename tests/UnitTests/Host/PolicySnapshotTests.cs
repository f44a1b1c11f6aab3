using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>What a node enforces that starts while the store is away.</summary>
[Parallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PolicySnapshotTests
{
    private readonly InMemoryNodeLog _log = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("calico-test-snapshot-").FullName;

    private string FilePath => Path.Combine(_folder, PolicySnapshot.FileName);

    [TearDown]
    public void End() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task The_snapshot_holds_the_last_whole_list_and_nothing_of_a_half_one()
    {
        await FollowAsync(new(SyncStatus.Resync, 1, [Pool("a"), Pool("b")]), new(SyncStatus.InSync, 2, []));
        Assert.That(Names(), Is.EqualTo(new[] { "a", "b" }));

        // The next process: half a list, and then it dies; then one that gets a whole list without b.
        await FollowAsync(new SyncBatch(SyncStatus.Resync, 3, [Pool("c")]));
        Assert.That(Names(), Is.EqualTo(new[] { "a", "b" }));
        await FollowAsync(new(SyncStatus.Resync, 3, [Pool("a")]), new(SyncStatus.InSync, 4, [Pool("c")]));
        Assert.That(Names(), Is.EqualTo(new[] { "a", "c" }));
    }

    [Test]
    public async Task A2_what_was_deleted_is_absent_from_the_snapshot_and_not_unusable()
    {
        await FollowAsync(new(SyncStatus.Resync, 1, [Pool("a"), Pool("b")]), new(SyncStatus.InSync, 2, []),
            new(SyncStatus.InSync, 3, [new(Pool("b").Key, null)]));
        Assert.That(PolicySnapshots.Whole(Snapshot())!.Updates.Select(u => (u.Key.Name, u.Error)),
            Is.EqualTo(new[] { ("a", (string?)null) }));
    }

    [Test]
    public async Task A_portion_that_was_cut_off_ends_the_file_and_spoils_nothing_before_it()
    {
        await FollowAsync(new(SyncStatus.Resync, 1, [Pool("a")]), new(SyncStatus.InSync, 2, []));
        var list = new FileInfo(FilePath).Length;
        await FollowAsync(new(SyncStatus.Resync, 1, [Pool("a")]), new(SyncStatus.InSync, 2, []), new(SyncStatus.InSync, 3, [Pool("b")]));
        var whole = await File.ReadAllBytesAsync(FilePath);
        Assert.That(whole, Has.Length.GreaterThan(list));
        for (var length = 0; length <= whole.Length; length++)
        {
            await File.WriteAllBytesAsync(FilePath, whole[..length]);
            Assert.That(Names(), Is.EqualTo(length < list ? [] : length < whole.Length ? ["a"] : new[] { "a", "b" }),
                $"{length} of {whole.Length} bytes");
        }
    }

    [Test]
    public async Task A_byte_that_changed_is_noticed_wherever_it_is()
    {
        await FollowAsync(new(SyncStatus.Resync, 1, [Pool("a"), Pool("b")]), new(SyncStatus.InSync, 2, []));
        var whole = await File.ReadAllBytesAsync(FilePath);
        for (var i = 0; i < whole.Length; i++)
        {
            var damaged = whole.ToArray();
            damaged[i] ^= 0x41;
            await File.WriteAllBytesAsync(FilePath, damaged);
            Assert.That(Names(), Is.Empty, $"byte {i}");
        }
    }

    [Test]
    public async Task Changes_without_end_do_not_make_a_file_without_end()
    {
        var bulk = new string('x', 300);
        var random = new Random(7);
        List<SyncBatch> batches = [new(SyncStatus.Resync, 1, [Pool("kept"), Pool("gone")]), new(SyncStatus.InSync, 2, []),
            new(SyncStatus.InSync, 3, [new(Pool("gone").Key, null)])];
        for (var i = 4; i < 40; i++)
        {
            // What does not pack: each round is about 100 kB of file.
            batches.Add(new(SyncStatus.InSync, i, [.. Enumerable.Range(0, 100).Select(n =>
            {
                var noise = new byte[1000];
                random.NextBytes(noise);
                return Pool($"pool-{n}", bulk + Convert.ToHexString(noise));
            })]));
        }

        var snapshot = Snapshot();
        using var end = new CancellationTokenSource();
        snapshot.Accept(batches[0]);
        snapshot.Accept(batches[1]);
        var running = snapshot.RunAsync(end.Token);
        foreach (var batch in batches.Skip(2))
        {
            snapshot.Accept(batch);
            for (var left = 1000; PolicySnapshots.Whole(Snapshot())?.Revision != batch.Revision; left--)
            {
                Assert.That(left, Is.GreaterThan(0), $"revision {batch.Revision} is not written after 10 s");
                await Task.Delay(10);
            }
        }

        await end.CancelAsync();
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(new FileInfo(FilePath).Length, Is.LessThan(3 << 20));
        Assert.That(Names(), Is.EqualTo(Enumerable.Range(0, 100).Select(n => $"pool-{n}").Append("kept").Order(StringComparer.Ordinal)));
        Assert.That(PolicySnapshots.Whole(Snapshot())!.Updates.Single(u => u.Key.Name == "pool-7").Value!.Metadata.Annotations!["bulk"],
            Is.EqualTo(Pool(batches[^1], "pool-7").Metadata.Annotations!["bulk"]));
    }

    [Test]
    public async Task A_list_worn_by_changes_is_written_anew_as_they_left_it()
    {
        var file = new SnapshotFile(FilePath);
        file.Replace([new SnapshotFrame(1, EndsList: true, [Entry("a", "1"), Entry("b", "1")]).Encode()]);
        file.Append(new SnapshotFrame(2, EndsList: false, [Entry("b", "2"), new("a", null), Entry("c", "1")]).Encode());
        file.Append(new SnapshotFrame(3, EndsList: false, [Entry("c", "2")]).Encode());
        Assert.That(file.IsWorn, Is.False);
        file.Append(new SnapshotFrame(4, EndsList: false,
            [Entry("noise", Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(2 << 20)))]).Encode());
        Assert.That(file.IsWorn);
        file.Append(new SnapshotFrame(5, EndsList: false, [new("noise", null)]).Encode());
        file.Renew();
        Assert.That(file.IsWorn, Is.False);
        var frames = file.Read().ToList();
        Assert.That(frames[^1].Revision, Is.EqualTo(5));
        Assert.That(frames.SelectMany(f => f.Entries).Select(e => $"{e.Key}={Encoding.UTF8.GetString(e.Value!.Value.Span)}"),
            Is.EqualTo(["b=2", "c=2"]));
        await Task.CompletedTask;
    }

    [Test]
    public async Task What_a_former_version_kept_in_the_node_log_leaves_it_when_the_file_is_there()
    {
        await _log.CommitAsync([new("snapshot/x", new byte[] { 1 }), new("snapshot-revision", new byte[8]),
            new("profiles/x", new byte[] { 1 })], CancellationToken.None);
        await FollowAsync(new SyncBatch(SyncStatus.Resync, 3, [Pool("c")]));
        Assert.That(_log.List("snapshot"), Has.Length.EqualTo(2));
        await FollowAsync(new(SyncStatus.Resync, 3, [Pool("c")]), new(SyncStatus.InSync, 3, []));
        Assert.That(_log.List("").Select(e => e.Key), Is.EqualTo(["profiles/x"]));
    }

    [Test]
    public void C1_a_file_that_is_no_snapshot_is_no_snapshot(
        [Values("", "x", "calsnap1", "calsnap1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")] string content)
    {
        File.WriteAllText(FilePath, content);
        Assert.That(PolicySnapshots.Whole(Snapshot()), Is.Null);
    }

    private string[] Names() =>
        [.. (PolicySnapshots.Whole(Snapshot())?.Updates ?? []).Select(u => u.Key.Name).Order(StringComparer.Ordinal)];

    private PolicySnapshot Snapshot() => new(FilePath, _log, TimeProvider.System, NullLogger<PolicySnapshot>.Instance);

    /// <summary>A process that hears these batches and ends.</summary>
    private async Task FollowAsync(params SyncBatch[] batches)
    {
        var snapshot = Snapshot();
        foreach (var batch in batches)
        {
            snapshot.Accept(batch);
        }

        // Runs on this thread until it has taken what waits.
        using var end = new CancellationTokenSource();
        var running = snapshot.RunAsync(end.Token);
        await end.CancelAsync();
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());
    }

    private static SnapshotEntry Entry(string key, string value) => new(key, Encoding.UTF8.GetBytes(value));

    private static Resource Pool(SyncBatch batch, string name) => batch.Updates.Single(u => u.Key.Name == name).Value!;

    private static SyncUpdate Pool(string name, string bulk = "")
    {
        var pool = Kinds.IpPool.New(new ObjectMeta
        {
            Name = name,
            Annotations = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("bulk", bulk),
        }, new IpPoolSpec { Cidr = "10.0.0.0/16" });
        return new(Kinds.IpPool.Key(name), pool) { Stored = Kinds.IpPool.Encode(pool) };
    }
}
