using NUnit.Framework;

namespace Calico.UnitTests.Store.Engine;

/// <summary>Writes that wait when their callers give up, or when the store is closed.</summary>
[Parallelizable, FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WaitingWriteTests : IAsyncDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly WriterUnderTest _store = new();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Test]
    public async Task A_write_whose_caller_gives_up_while_it_waits_is_never_done()
    {
        using var stop = new CancellationTokenSource();
        var (given, other) = await _store.WhileBusyAsync(() =>
        {
            var write = _store.Writer.WriteAsync(batch => batch.Commit(WriterUnderTest.Put("/given-up")), stop.Token);
            stop.Cancel();
            return (write, _store.PutAsync("/other"));
        });

        Assert.That(async () => await given, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await other, Is.EqualTo(2));
        Assert.That(_store.Keys, Is.EqualTo(new[] { "/other" }));
    }

    [Test]
    public async Task A_write_whose_caller_gives_up_when_it_is_taken_is_done()
    {
        using var stop = new CancellationTokenSource();
        var write = _store.Writer.WriteAsync(batch =>
        {
            stop.Cancel();
            return batch.Commit(WriterUnderTest.Put("/taken"));
        }, stop.Token);

        Assert.That(async () => await write, Throws.InstanceOf<OperationCanceledException>());
        await _store.NothingAsync();
        Assert.That(_store.Keys, Is.EqualTo(new[] { "/taken" }));
    }

    [Test]
    public async Task A_write_whose_caller_gives_up_before_it_is_tried_again_is_not_done()
    {
        using var stop = new CancellationTokenSource();
        var (full, given) = await _store.WhileBusyAsync(() => (_store.PutAsync(DiskFault.Full), _store.Writer.WriteAsync(batch =>
        {
            stop.Cancel();
            return batch.Commit(WriterUnderTest.Put("/given-up"));
        }, stop.Token)));

        await Assert.ThrowsAsync<CalicoException>(() => full);
        Assert.That(async () => await given, Throws.InstanceOf<OperationCanceledException>());
        await _store.NothingAsync();
        Assert.That(_store.Keys, Is.Empty);
    }

    [Test]
    public async Task Closing_waits_for_what_was_accepted_and_refuses_what_comes_later()
    {
        await _store.PutAsync("/a");
        var (write, compaction, closing, isOver, late, isPosted) = await _store.WhileBusyAsync(() =>
        {
            var accepted = _store.PutAsync("/a");
            var compacted = _store.Writer.CompactAsync(2, Ct);
            var closed = _store.Writer.DisposeAsync().AsTask();
            return (accepted, compacted, closed, closed.IsCompleted, _store.PutAsync("/late"), _store.Writer.TryPost(_ => 0));
        });

        Assert.That((isOver, isPosted), Is.EqualTo((false, false)));
        await closing;
        Assert.That((write.IsCompletedSuccessfully, _store.Writer.State.Compacted), Is.EqualTo((true, 2)), "done before it is closed");
        await compaction;
        var error = await Assert.ThrowsAsync<CalicoException>(() => late);
        Assert.That((error!.Problem, error.Message), Is.EqualTo((Problem.Unavailable, $"write {_store.Path}: the store is closed")));
        var compacting = await Assert.ThrowsAsync<CalicoException>(() => _store.Writer.CompactAsync(3, Ct));
        Assert.That(compacting!.Message, Is.EqualTo(error.Message));
        var state = await _store.CloseAndReadAsync();
        Assert.That((state.Revision, state.Compacted), Is.EqualTo((3, 2)));
    }
}
