using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Store;
using NUnit.Framework;

namespace Calico.TestKit.Store;

/// <summary>What every <see cref="INodeLog"/> does. Derive once with a store that shares the log's file and once with one that does not.
/// </summary>
public abstract class NodeLogConformance
{
    protected abstract INodeLog Log { get; }

    /// <summary>The store that transactions are done together with.</summary>
    protected abstract IKeyValueStore Store { get; }

    protected string Section { get; private set; } = "";

    protected CancellationToken Ct { get; private set; }

    [SetUp]
    public void StartTest()
    {
        Section = $"test-{Guid.NewGuid():N}/";
        Ct = new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;
    }

    [Test]
    public async Task What_is_written_is_read_listed_and_deleted()
    {
        await Log.CommitAsync([Write("b", "2"), Write("a", "1"), Write("c", "")], Ct);
        await Log.CommitAsync([Write("a", "3"), Delete("b"), Delete("never")], Ct);
        Assert.Multiple(() =>
        {
            Assert.That(Read("a"), Is.EqualTo("3"));
            Assert.That(Read("b"), Is.EqualTo("none"));
            Assert.That(Read("c"), Is.Empty);
            Assert.That(List(), Is.EqualTo(["a=3", "c="]));
        });
    }

    [Test]
    public async Task The_caller_may_use_its_buffer_again()
    {
        var buffer = "first"u8.ToArray();
        var writing = Log.CommitAsync([new NodeLogWrite(Section + "a", buffer)], Ct);
        buffer.AsSpan().Fill((byte)'x');
        await writing;
        Assert.That(Read("a"), Is.EqualTo("first"));
    }

    [Test]
    public async Task A_store_transaction_and_its_log_writes_are_done_together()
    {
        var outcome = await Log.CommitAsync(Store, new StoreTransaction([StoreCompare.Absent("/" + Section)],
            [new StoreOperation.Put("/" + Section, "s"u8.ToArray())], []), [Write("a", "1")], Ct);
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(outcome.Succeeded);
            Assert.That(Read("a"), Is.EqualTo("1"));
            Assert.That((await Store.GetAsync("/" + Section, 0, Ct))!.ModRevision, Is.EqualTo(outcome.Revision));
        });
    }

    [Test]
    public async Task Neither_is_done_when_a_comparison_fails()
    {
        await Log.CommitAsync([Write("a", "before"), Write("b", "before")], Ct);
        var outcome = await Log.CommitAsync(Store, new StoreTransaction([StoreCompare.At("/" + Section, 1)],
            [new StoreOperation.Put("/" + Section, "s"u8.ToArray())], [new StoreOperation.Get("/" + Section)]),
            [Write("a", "after"), Delete("b"), Write("c", "after")], Ct);
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(outcome.Succeeded, Is.False);
            Assert.That(outcome.Results, Has.Length.EqualTo(1), "the failure branch is done");
            Assert.That(List(), Is.EqualTo(["a=before", "b=before"]));
            Assert.That(await Store.GetAsync("/" + Section, 0, Ct), Is.Null);
        });
    }

    [Test]
    public async Task Neither_is_done_when_the_store_refuses()
    {
        await Log.CommitAsync([Write("a", "before")], Ct);
        var error = await Assert.ThrowsAsync<CalicoException>(() => Log.CommitAsync(Store, new StoreTransaction(
            new StoreOperation.Put("/" + Section, "1"u8.ToArray()), new StoreOperation.Put("/" + Section, "2"u8.ToArray())),
            [Write("a", "after")], Ct));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(List(), Is.EqualTo(["a=before"]));
    }

    [Test]
    public async Task What_was_written_or_deleted_since_is_not_taken_back()
    {
        await Log.CommitAsync([Write("a", "before"), Write("b", "before"), Write("c", "before")], Ct);
        // A store that answers late, so that others write meanwhile; only a log apart from its store has anything to take back.
        var late = new LateAnswer(Store);
        var refused = Log.CommitAsync(late, new StoreTransaction([StoreCompare.At("/" + Section, 1)], [], []),
            [Write("a", "transaction"), Delete("b"), Delete("c")], Ct);
        await Log.CommitAsync([Write("a", "since"), Delete("b")], Ct);
        late.Answer();
        Assert.That((await refused).Succeeded, Is.False);
        Assert.That(List(), Is.EqualTo(["a=since", "c=before"]));
    }

    [Test]
    public async Task Commits_take_effect_in_the_order_in_which_they_were_begun()
    {
        await Task.WhenAll([.. Enumerable.Range(0, 200)
            .Select(n => Log.CommitAsync([Write("a", $"{n}"), n % 2 == 0 ? Write("b", "") : Delete("b")], Ct))]);
        Assert.That(List(), Is.EqualTo(["a=199"]));
    }

    [Test]
    public async Task Concurrent_commits_are_all_done()
    {
        await Task.WhenAll(Enumerable.Range(0, 200).Select(n => Log.CommitAsync([Write($"{n:d3}", $"{n}")], Ct)));
        Assert.That(List(), Is.EqualTo(Enumerable.Range(0, 200).Select(n => $"{n:d3}={n}")));
    }

    protected NodeLogWrite Write(string key, string value) => new(Section + key, Encoding.UTF8.GetBytes(value));

    protected NodeLogWrite Delete(string key) => new(Section + key, null);

    protected string Read(string key) => Log.Get(Section + key) is { } value ? Encoding.UTF8.GetString(value.Span) : "none";

    protected ImmutableArray<string> List() =>
        [.. Log.List(Section).Select(e => $"{e.Key[Section.Length..]}={Encoding.UTF8.GetString(e.Value.Span)}")];

    /// <summary>Another object than the log's own store, so that log and store are written one after the other.</summary>
    private sealed class LateAnswer(IKeyValueStore inner) : ForwardingStore(inner)
    {
        private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Answer() => _answer.SetResult();

        public override async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
        {
            await _answer.Task.WaitAsync(ct);
            return await base.CommitAsync(transaction, ct);
        }
    }
}
