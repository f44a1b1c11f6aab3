using System.Text;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>What callers that share one commit see of each other. The writer is held while they queue, so that they do share it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GroupCommitTests : IAsyncDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly TempFolder _folder = new();
    private EmbeddedEngine _engine = null!;

    [SetUp]
    public async Task OpenAsync() =>
        _engine = await EmbeddedEngine.OpenAsync(_folder.Options(), TimeProvider.System, NullLogger.Instance, Ct);

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _folder.DisposeAsync();
    }

    [Test]
    public async Task D_of_two_compare_and_swaps_of_one_key_in_one_commit_one_loses()
    {
        var revision = (await CommitAsync(new(new StoreOperation.Put("/a", "0"u8.ToArray())))).Revision;
        var outcomes = await TogetherAsync(
            () => CommitAsync(Swap(revision, "first")), () => CommitAsync(Swap(revision, "second")),
            () => CommitAsync(Swap(revision + 1, "third")));

        Assert.That(outcomes.Select(o => (o.Succeeded, o.Revision)),
            Is.EqualTo(new[] { (true, revision + 1), (false, revision + 1), (true, revision + 2) }),
            "the third compares with what the first, in the same commit, has made");
        Assert.That(Encoding.UTF8.GetString((await _engine.Store.GetAsync("/a", 0, Ct))!.Value.Span), Is.EqualTo("third"));
    }

    [Test]
    public async Task A_creation_and_a_deletion_in_one_commit_see_each_other()
    {
        var outcomes = await TogetherAsync(() => CommitAsync(Create("1")), () => CommitAsync(Create("2")),
            () => CommitAsync(new(new StoreOperation.Delete("/new"))), () => CommitAsync(Create("3")));

        Assert.That(outcomes.Select(o => o.Succeeded), Is.EqualTo(new[] { true, false, true, true }));
        Assert.That((await _engine.Store.GetAsync("/new", 0, Ct))!.Version, Is.EqualTo(1));
    }

    [Test]
    public async Task A_transaction_that_cannot_be_done_leaves_nothing_in_the_commit_that_it_shares()
    {
        // There is no lease 7; by the time that shows, the first operation of the refused transaction has been done.
        var calls = await StartTogetherAsync(
            () => CommitAsync(new(new StoreOperation.Put("/b", "1"u8.ToArray()), new StoreOperation.Put("/c", "1"u8.ToArray(), 7))),
            () => CommitAsync(new([StoreCompare.Absent("/b")], [new StoreOperation.Put("/d", "1"u8.ToArray())], [])));

        await Assert.ThrowsAsync<CalicoException>(() => calls[0]);
        Assert.That((await calls[1]).Succeeded, Is.True);
        Assert.That((await _engine.Store.ListAsync("/", 0, Ct)).Items.Select(i => i.Key), Is.EqualTo(new[] { "/d" }));
    }

    private Task<StoreOutcome> CommitAsync(StoreTransaction transaction) => _engine.Store.CommitAsync(transaction, Ct);

    private static StoreTransaction Swap(long revision, string value) =>
        new([StoreCompare.At("/a", revision)], [new StoreOperation.Put("/a", Encoding.UTF8.GetBytes(value))], []);

    private static StoreTransaction Create(string value) =>
        new([StoreCompare.Absent("/new")], [new StoreOperation.Put("/new", Encoding.UTF8.GetBytes(value))], []);

    private async Task<StoreOutcome[]> TogetherAsync(params Func<Task<StoreOutcome>>[] calls) =>
        await Task.WhenAll(await StartTogetherAsync(calls));

    /// <summary>Starts all while the writer is busy, in this order; they are its next group.</summary>
    private async Task<List<Task<StoreOutcome>>> StartTogetherAsync(params Func<Task<StoreOutcome>>[] calls)
    {
        using var go = new ManualResetEventSlim();
        var isHeld = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var holding = _engine.WriteAsync(_ =>
        {
            isHeld.SetResult();
            go.Wait();
            return 0;
        }, Ct);
        await isHeld.Task;
        var running = calls.Select(c => c()).ToList();
        go.Set();
        await holding;
        return running;
    }
}
