using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;
using NUnit.Framework;

namespace Calico.UnitTests.Store.Engine;

/// <summary>Compactions that are asked for: at which revision, what goes, and what happens when the disk does not take one.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CompactionTests : IAsyncDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly WriterUnderTest _store = new();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Test]
    public async Task What_was_replaced_goes_from_memory_and_file_and_the_present_stays()
    {
        await PutsAsync(4);
        await CompactAsync(5);
        var head = _store.Writer.State.Keys.Find(KeyText.Bytes("/a"))!;
        Assert.That((head.ModRevision, head.Version, head.Previous), Is.EqualTo((5, 4, (KeyVersion?)null)));
        Assert.That(_store.Writer.State.Compacted, Is.EqualTo(5));
        Assert.That(_store.Writer.History.Count, Is.EqualTo(1));
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { $"Debug: Compacted {_store.Path} to revision 5: 3 rows" }));
        var state = await _store.CloseAndReadAsync();
        Assert.That((state.Compacted, state.Keys.Find(KeyText.Bytes("/a"))!.Previous), Is.EqualTo((5, (KeyVersion?)null)));
    }

    [Test]
    public async Task Each_revision_can_be_compacted_once_and_none_that_is_to_come()
    {
        await PutsAsync(4);
        await CompactAsync(4);
        foreach (var revision in (long[])[4, 3])
        {
            var again = await RefusalAsync(revision);
            Assert.That((again.Problem, again.Path, again.Message),
                Is.EqualTo((Problem.Invalid, "revision", $"compact at {revision}: compacted already")));
            Assert.That((again.InnerException as CompactedException)!.Oldest, Is.EqualTo(4));
        }

        var future = await RefusalAsync(6);
        Assert.That((future.Problem, future.Path, future.Message),
            Is.EqualTo((Problem.Invalid, "revision", "compact at 6: the store is at 5")));
        await CompactAsync(5);
        Assert.That(_store.Writer.State.Compacted, Is.EqualTo(5));
    }

    [Test]
    public async Task A_deletion_at_the_very_revision_is_told_of_until_the_next_compaction()
    {
        await _store.PutAsync("/gone");
        var deleted = await _store.DeleteAsync("/gone");
        await CompactAsync(deleted);
        Assert.That(_store.Writer.State.Keys.Find(KeyText.Bytes("/gone"))!.IsDeletion, "a watch may begin exactly there");
        Assert.That(_store.Writer.History.Read(deleted, deleted, 10, 1000, out _).Single().IsDeletion);
        var revision = await _store.PutAsync("/b");
        await CompactAsync(revision);
        Assert.That(_store.Writer.State.Keys.Find(KeyText.Bytes("/gone")), Is.Null);
        Assert.That(_store.Log.Lines, Is.EqualTo(new[]
        {
            $"Debug: Compacted {_store.Path} to revision 3: 1 rows", $"Debug: Compacted {_store.Path} to revision 4: 1 rows",
        }));
        var state = await _store.CloseAndReadAsync();
        Assert.That((state.Keys.Count, state.Revision), Is.EqualTo((1, 4)));
    }

    [TestCase(5, 3)]
    [TestCase(3, 5)]
    [TestCase(5, 5)]
    public async Task Of_two_that_are_asked_for_at_once_both_are_done(long first, long second)
    {
        await PutsAsync(5);
        await Task.WhenAll(await _store.WhileBusyAsync(() => new[] { CompactAsync(first), CompactAsync(second) }));
        Assert.That(_store.Writer.State.Compacted, Is.EqualTo(5), "never back");
        Assert.That(_store.Log.Lines, Has.Count.EqualTo(first < second ? 2 : 1), "and nothing is done twice");
        Assert.That((await _store.CloseAndReadAsync()).Compacted, Is.EqualTo(5));
    }

    [Test]
    public async Task Who_watches_is_woken()
    {
        await PutsAsync(3);
        var next = _store.Writer.History.Next;
        await CompactAsync(3);
        Assert.That(next.IsCompletedSuccessfully, "or a watch that was overtaken would not hear of it");
    }

    [Test]
    public async Task A_disk_that_is_full_is_told_to_who_asked_and_nothing_is_done_behind_his_back()
    {
        await PutsAsync(3);
        await _store.FailCompactionsAsync(DiskFault.Full);
        var error = await RefusalAsync(3);
        Assert.That(error.Problem, Is.EqualTo(Problem.Exhausted));
        Assert.That(error.Message, Does.StartWith($"write {_store.Path}: ").And.Contain("no space left"));
        await _store.FailCompactionsAsync(null);
        await _store.SettleAsync();
        Assert.That((_store.Writer.State.Compacted, _store.Writer.History.Count, _store.Log.Lines.Count), Is.EqualTo((0, 3, 0)));
        await CompactAsync(3);
        Assert.That(_store.Writer.State.Compacted, Is.EqualTo(3));
    }

    [Test]
    public async Task An_error_that_leaves_doubt_ends_writing_as_that_of_a_write_does()
    {
        await PutsAsync(3);
        await _store.FailCompactionsAsync(DiskFault.Broken);
        var (first, second) = await _store.WhileBusyAsync(() => (RefusalAsync(3), RefusalAsync(4)));
        var error = await first;
        Assert.That(error.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(error.Message, Does.Contain("the disk has gone").And.Contain("nothing more is written"));
        Assert.That((await second).Message, Is.EqualTo(error.Message));
        Assert.That((await Assert.ThrowsAsync<CalicoException>(() => _store.PutAsync("/later")))!.Message, Is.EqualTo(error.Message));
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { _store.ReadOnly(error.Message) }));
        var state = await _store.CloseAndReadAsync();
        Assert.That((state.Compacted, state.Revision), Is.EqualTo((0, 4)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task After_an_error_that_leaves_doubt_nothing_is_compacted(bool isOfTheSameCommit)
    {
        await PutsAsync(3);
        var (write, compaction) = isOfTheSameCommit
            ? await _store.WhileBusyAsync(() => (_store.PutAsync(DiskFault.Broken), RefusalAsync(3)))
            : (_store.PutAsync(DiskFault.Broken), RefusalAsync(3));
        var error = await Assert.ThrowsAsync<CalicoException>(() => write);
        Assert.That((await compaction).Message, Is.EqualTo(error!.Message));
        await _store.SettleAsync();
        Assert.That(_store.Writer.State.Compacted, Is.Zero);
        Assert.That((await _store.CloseAndReadAsync()).Compacted, Is.Zero);
    }

    private async Task PutsAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            await _store.PutAsync("/a", $"{i}");
        }
    }

    private Task CompactAsync(long revision) => _store.Writer.CompactAsync(revision, Ct);

    private async Task<CalicoException> RefusalAsync(long revision) =>
        (await Assert.ThrowsAsync<CalicoException>(() => CompactAsync(revision)))!;
}
