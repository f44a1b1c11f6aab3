using Calico.EmbeddedStore.Engine;
using NUnit.Framework;

namespace Calico.UnitTests.Store.Engine;

/// <summary>What callers see when the disk does not take a write, or nobody knows whether it did.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class FailedWriteTests : IAsyncDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly List<TimeSpan> _written = [];
    private readonly WriterUnderTest _store;

    public FailedWriteTests() => _store = new WriterUnderTest(o => o with { Written = _written.Add });

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [TestCase(DiskFault.Full, Problem.Exhausted, "no space left")]
    [TestCase(DiskFault.TooBig, Problem.Invalid, "too big")]
    public async Task What_does_not_fit_fails_alone_and_what_shares_its_commit_is_done(string fault, Problem problem, string reason)
    {
        var writes = await _store.WhileBusyAsync(() => new[] { _store.PutAsync("/a"), _store.PutAsync(fault), _store.PutAsync("/b") });

        Assert.That(await writes[0], Is.EqualTo(2));
        Assert.That(await writes[2], Is.EqualTo(3), "no revision is spent on what was not done");
        var error = await Assert.ThrowsAsync<CalicoException>(() => writes[1]);
        Assert.That(error!.Problem, Is.EqualTo(problem));
        Assert.That(error.Message, Does.StartWith($"write {_store.Path}: ").And.Contain(reason));
        Assert.That(await _store.PutAsync("/c"), Is.EqualTo(4), "it goes on");
        Assert.That(_store.Log.Lines, Has.None.StartsWith("Error"));
        Assert.That(WriterUnderTest.KeysOf(await _store.CloseAndReadAsync()), Is.EqualTo(new[] { "/a", "/b", "/c" }));
    }

    [TestCase(DiskFault.Full)]
    [TestCase(DiskFault.Broken)]
    public async Task What_fails_and_was_alone_is_not_tried_again(string fault)
    {
        var tried = 0;
        await Assert.ThrowsAsync<CalicoException>(() => _store.Writer.WriteAsync(batch =>
        {
            tried++;
            return batch.Commit(WriterUnderTest.Put(fault));
        }, Ct));
        Assert.That(tried, Is.EqualTo(1));
    }

    [Test]
    public async Task What_was_refused_because_of_a_write_that_failed_is_done()
    {
        var (first, second) = await _store.WhileBusyAsync(() => (_store.Writer.WriteAsync(batch =>
        {
            batch.GrantLease(7, 60);
            return batch.Commit(WriterUnderTest.Put(DiskFault.Full));
        }, Ct), GrantAsync(7)));

        Assert.That((await Assert.ThrowsAsync<CalicoException>(() => first))!.Problem, Is.EqualTo(Problem.Exhausted));
        Assert.That(await second, Is.EqualTo(7), "there is no such lease: the first of the two was not written");
        Assert.That((await _store.CloseAndReadAsync()).Leases.Keys, Is.EqualTo(new[] { 7L }));
    }

    [Test]
    public async Task What_is_refused_is_not_done_when_it_is_tried_alone_either()
    {
        var (_, first, second) = await _store.WhileBusyAsync(() => (_store.PutAsync(DiskFault.Full), GrantAsync(7), GrantAsync(7)));
        Assert.That(await first, Is.EqualTo(7));
        Assert.That((await Assert.ThrowsAsync<CalicoException>(() => second))!.Problem, Is.EqualTo(Problem.AlreadyExists));
    }

    [Test]
    public async Task After_an_error_that_leaves_doubt_nothing_is_written_until_the_file_is_opened_again()
    {
        await _store.PutAsync("/before");
        var writes = await _store.WhileBusyAsync(() =>
            new[] { _store.PutAsync("/a"), _store.PutAsync(DiskFault.Broken), _store.PutAsync("/b") });
        var errors = new List<CalicoException>();
        foreach (var write in writes)
        {
            errors.Add((await Assert.ThrowsAsync<CalicoException>(() => write))!);
        }

        var reason = errors[0].Message;
        Assert.That(errors[0].Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(reason, Does.StartWith($"write {_store.Path}: ").And.Contain("the disk has gone").And.Contain("opened again"));
        Assert.That(errors.Select(e => e.Message), Is.All.EqualTo(reason));
        Assert.That(_store.Keys, Is.EqualTo(new[] { "/before" }), "what can be read is what is known to be on disk");

        var later = await Assert.ThrowsAsync<CalicoException>(() => _store.PutAsync("/later"));
        Assert.That((later!.Problem, later.Message), Is.EqualTo((Problem.Unavailable, reason)));
        await _store.NothingAsync();
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { _store.ReadOnly(reason) }));
        Assert.That(WriterUnderTest.KeysOf(await _store.CloseAndReadAsync()), Is.EqualTo(new[] { "/before" }));
    }

    [Test]
    public async Task A_log_that_cannot_be_written_leaves_no_caller_without_an_answer_and_the_first_reason_stands()
    {
        await using var store = new WriterUnderTest(logger: new FailingLog("read-only"));
        var error = await Assert.ThrowsAsync<CalicoException>(() => store.PutAsync(DiskFault.Broken).WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.That(error!.Message, Does.Contain("the disk has gone"));
        Assert.That((await Assert.ThrowsAsync<CalicoException>(() => store.PutAsync("/later")))!.Message, Is.EqualTo(error.Message));
    }

    [Test]
    public async Task A_defect_in_what_follows_a_commit_is_told_to_who_waits_and_ends_writing()
    {
        await using var store = new WriterUnderTest(logger: new FailingLog("Compacted"));
        await store.PutAsync("/a");
        await store.PutAsync("/a");
        var error = await Assert.ThrowsAsync<CalicoException>(() => store.Writer.CompactAsync(3, Ct).WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.That((error!.Problem, error.Message), Is.EqualTo((Problem.Unavailable, $"write {store.Path}: the log cannot be written")));
        Assert.That((await Assert.ThrowsAsync<CalicoException>(() => store.PutAsync("/b")))!.Message, Is.EqualTo(error.Message));
        Assert.That(store.Keys, Is.EqualTo(new[] { "/a" }));
    }

    [Test]
    public async Task Each_commit_that_reached_the_disk_is_measured()
    {
        await Task.WhenAll(await _store.WhileBusyAsync(() => new[] { _store.PutAsync("/a"), _store.PutAsync("/b") }));
        await _store.NothingAsync();
        Assert.That(_written, Has.Count.EqualTo(1), "one commit for both, and none for what changes nothing");
        await Assert.ThrowsAsync<CalicoException>(() => _store.PutAsync(DiskFault.Full));
        await _store.PutAsync("/c");
        await _store.NothingAsync();
        Assert.That(_written, Has.Count.EqualTo(2), "and none for what failed");
    }

    [Test]
    public async Task A_commit_that_reached_the_disk_wakes_who_watches_and_one_that_failed_does_not()
    {
        var next = _store.Writer.History.Next;
        await Assert.ThrowsAsync<CalicoException>(() => _store.PutAsync(DiskFault.Full));
        Assert.That(next.IsCompleted, Is.False);
        await _store.PutAsync("/a");
        Assert.That(next.IsCompletedSuccessfully);
    }

    private Task<long> GrantAsync(long id) => _store.Writer.WriteAsync(batch =>
    {
        batch.GrantLease(id, 60);
        return id;
    }, Ct);
}
