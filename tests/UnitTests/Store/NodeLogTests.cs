using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>Log and store in one file.</summary>
[TestFixture]
public sealed class JointNodeLogTests : NodeLogConformance, IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private EmbeddedEngine _engine = null!;

    protected override INodeLog Log => _engine.Log;

    protected override IKeyValueStore Store => _engine.Store;

    [OneTimeSetUp]
    public async Task OpenAsync() =>
        _engine = await EmbeddedEngine.OpenAsync(_folder.Options(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _folder.DisposeAsync();
    }
}

/// <summary>The store is somebody else's, as with etcd.</summary>
[TestFixture]
public sealed class SeparateNodeLogTests : NodeLogConformance, IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TempFolder _storeFolder = new();
    private EmbeddedEngine _engine = null!;
    private EmbeddedEngine _other = null!;

    protected override INodeLog Log => _engine.Log;

    protected override IKeyValueStore Store => _other.Store;

    [OneTimeSetUp]
    public async Task OpenAsync()
    {
        _engine = await EmbeddedEngine.OpenAsync(_folder.Options(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        _other = await EmbeddedEngine.OpenAsync(_storeFolder.Options(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);
    }

    [Test]
    public async Task The_writes_stay_when_the_store_does_not_answer()
    {
        var silent = new SilentStore();
        var error = await Assert.ThrowsAsync<CalicoException>(() => Log.CommitAsync(silent,
            new StoreTransaction(new StoreOperation.Put("/a", "1"u8.ToArray())), [Write("a", "1")], Ct));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(List(), Is.EqualTo(["a=1"]));
    }

    [Test]
    public async Task The_writes_are_on_disk_before_the_store_is_asked()
    {
        var silent = new SilentStore { OnCommit = () => Assert.That(List(), Is.EqualTo(["a=1"])) };
        await Assert.ThrowsAsync<CalicoException>(() => Log.CommitAsync(silent,
            new StoreTransaction(new StoreOperation.Put("/a", "1"u8.ToArray())), [Write("a", "1")], Ct));
        Assert.That(silent.Commits, Is.EqualTo(1));
    }

    [Test]
    public async Task What_was_written_meanwhile_is_not_taken_back()
    {
        await Log.CommitAsync([Write("a", "before"), Write("b", "before")], Ct);
        var refusing = new SilentStore
        {
            Problem = Problem.Invalid,
            OnCommitAsync = () => Log.CommitAsync([Write("a", "somebody else's")], Ct),
        };
        await Assert.ThrowsAsync<CalicoException>(() => Log.CommitAsync(refusing,
            new StoreTransaction(new StoreOperation.Put("/a", "1"u8.ToArray())), [Write("a", "after"), Write("b", "after")], Ct));
        Assert.That(List(), Is.EqualTo(["a=somebody else's", "b=before"]));
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _other.DisposeAsync();
        await _folder.DisposeAsync();
        await _storeFolder.DisposeAsync();
    }

    private sealed class SilentStore : IKeyValueStore
    {
        public Action OnCommit { get; init; } = () => { };

        public Func<Task> OnCommitAsync { get; init; } = () => Task.CompletedTask;

        public Problem Problem { get; init; } = Problem.Unavailable;

        public int Commits { get; private set; }

        public async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
        {
            Commits++;
            OnCommit();
            await OnCommitAsync();
            throw new CalicoException(Problem, "as scripted");
        }

        public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) => throw new NotSupportedException();

        public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) => throw new NotSupportedException();

        public IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) => throw new NotSupportedException();

        public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => throw new NotSupportedException();

        public Task RevokeLeaseAsync(long lease, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
