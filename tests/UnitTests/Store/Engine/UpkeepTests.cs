using NUnit.Framework;

namespace Calico.UnitTests.Store.Engine;

/// <summary>When the writer copies the log back and trims history, to the millisecond and the change: a pause is 100 ms without a commit,
/// looked for 500 ms after the first commit since the last one.</summary>
[Parallelizable, FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpkeepTests : IAsyncDisposable
{
    private const string TriedAgain = "it will be tried again: SQLite Error 13: 'database or disk is full'.";

    // A hundred bytes with its key, and short enough to be kept as it is.
    private static readonly string Value = new('x', 96);
    private WriterUnderTest _store = new();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Test]
    public async Task The_log_is_copied_back_in_a_pause_that_is_looked_for_from_the_first_commit_on()
    {
        for (var round = 0; round < 2; round++)
        {
            await _store.PutAsync("/a");
            await _store.AdvanceAsync(400);
            await _store.PutAsync("/a");
            await _store.AdvanceAsync(99);
            Assert.That(_store.File.UncheckpointedBytes, Is.GreaterThan(0));
            await _store.AdvanceAsync(1);
            Assert.That(_store.File.UncheckpointedBytes, Is.Zero, "100 ms after the last commit, 500 after the first");
        }
    }

    [Test]
    public async Task Without_a_pause_it_is_looked_for_again_500_ms_later()
    {
        await _store.PutAsync("/a");
        await _store.AdvanceAsync(401);
        await _store.PutAsync("/a");
        await _store.AdvanceAsync(99);
        Assert.That(_store.File.UncheckpointedBytes, Is.GreaterThan(0), "the last commit is 99 ms old");
        await _store.AdvanceAsync(499);
        Assert.That(_store.File.UncheckpointedBytes, Is.GreaterThan(0));
        await _store.AdvanceAsync(1);
        Assert.That(_store.File.UncheckpointedBytes, Is.Zero);
    }

    [Test]
    public async Task A_pause_that_is_over_is_no_reason_to_copy_back_at_once()
    {
        await _store.PutAsync("/a");
        await _store.AdvanceAsync(500);
        Assert.That(_store.File.UncheckpointedBytes, Is.Zero);
        await _store.PutAsync("/a");
        await _store.AdvanceAsync(200);
        Assert.That(_store.File.UncheckpointedBytes, Is.GreaterThan(0), "what changes nothing is no pause either");
        await _store.AdvanceAsync(300);
        Assert.That(_store.File.UncheckpointedBytes, Is.Zero);
    }

    [Test]
    public async Task A_pause_is_looked_for_only_when_there_is_something_to_copy()
    {
        await _store.SettleAsync();
        await _store.AdvanceAsync(450);
        await _store.PutAsync("/a");
        await _store.AdvanceAsync(499);
        Assert.That(_store.File.UncheckpointedBytes, Is.GreaterThan(0));
        await _store.AdvanceAsync(1);
        Assert.That(_store.File.UncheckpointedBytes, Is.Zero, "500 ms after the commit, not after one that changed nothing");
    }

    [Test]
    public async Task A_log_beyond_16_MiB_is_copied_back_without_a_pause()
    {
        const int Beside = 4096 + 64 + 2;
        await _store.PutAsync("/a", new string('x', (16 << 20) - Beside));
        await _store.NothingAsync();
        Assert.That(_store.File.UncheckpointedBytes, Is.EqualTo(16 << 20));
        await _store.PutAsync("/b");
        await _store.NothingAsync();
        Assert.That(_store.File.UncheckpointedBytes, Is.Zero);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task History_is_trimmed_a_quarter_over_its_bound_and_an_eighth_in_a_pause(bool isByBytes)
    {
        await ReopenAsync(isByBytes);
        await PutsAsync(200);
        Assert.That(_store.Writer.History.Count, Is.EqualTo(200));
        await PutsAsync(1);
        Assert.That(_store.Writer.History.Count, Is.EqualTo(160));
        await PutsAsync(20);
        await _store.AdvanceAsync(500);
        Assert.That((_store.Writer.History.Count, _store.File.UncheckpointedBytes), Is.EqualTo((180, 0)), "there was a pause");
        await PutsAsync(1);
        Assert.That(_store.Writer.History.Count, Is.EqualTo(181));
        await _store.AdvanceAsync(500);
        Assert.That(_store.Writer.History.Count, Is.EqualTo(160));
        Assert.That(_store.Writer.State.Compacted, Is.EqualTo(1 + 222 - 160 + 1), "the oldest change that is kept");
    }

    [Test]
    public async Task A_transaction_that_is_larger_than_the_bound_is_compacted_to_once()
    {
        await ReopenAsync(isByBytes: false);
        await _store.PutAsync("/a");
        await _store.Writer.WriteAsync(batch => batch.Commit(new([], [.. Enumerable.Range(0, 300)
            .Select(n => WriterUnderTest.Put($"/{n}").Success.Single())], [])), CancellationToken.None);
        await _store.SettleAsync();
        await _store.SettleAsync();
        Assert.That(_store.Writer.History.Count, Is.EqualTo(300), "a revision is kept whole");
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { $"Debug: Compacted {_store.Path} to revision 3: 0 rows" }));
    }

    [Test]
    public async Task A_history_that_cannot_be_trimmed_is_said_once_and_once_more_when_it_can()
    {
        await ReopenAsync(isByBytes: false);
        await _store.FailCompactionsAsync(DiskFault.Full);
        await PutsAsync(205);
        await _store.AdvanceAsync(500);
        await PutsAsync(5);
        var failed = $"Warning: Trimming the history of {_store.Path} failed; {TriedAgain}";
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { failed }), "copying back works meanwhile, and neither is taken for the other");
        Assert.That((_store.Writer.History.Count, _store.Writer.State.Compacted), Is.EqualTo((210, 0)));
        await _store.FailCompactionsAsync(null);
        await PutsAsync(100);
        Assert.That(_store.Writer.History.Count, Is.LessThanOrEqualTo(200));
        Assert.That(_store.Log.Lines.Where(l => !l.StartsWith("Debug", StringComparison.Ordinal)),
            Is.EqualTo(new[] { failed, $"Information: Trimming the history of {_store.Path} works again" }));
    }

    [Test]
    public async Task A_log_that_cannot_be_copied_back_is_said_once_and_once_more_when_it_can()
    {
        await _store.PutAsync("/a");
        using (DiskFault.Exchange(_store.Path, "/dev/full", FileAccess.Write))
        {
            await _store.AdvanceAsync(500);
            await _store.PutAsync("/b");
            await _store.AdvanceAsync(500);
            Assert.That(_store.File.UncheckpointedBytes, Is.GreaterThan(0));
        }

        var failed = $"Warning: Copying back the log of {_store.Path} failed; {TriedAgain}";
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { failed }));
        await _store.AdvanceAsync(500);
        Assert.That(_store.File.UncheckpointedBytes, Is.Zero, "tried again without being asked");
        await _store.PutAsync("/c");
        await _store.AdvanceAsync(500);
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { failed, $"Information: Copying back the log of {_store.Path} works again" }));
        Assert.That(WriterUnderTest.KeysOf(await _store.CloseAndReadAsync()), Is.EqualTo(new[] { "/a", "/b", "/c" }));
    }

    [Test]
    public async Task A_log_that_is_copied_back_with_a_doubt_ends_writing()
    {
        await _store.PutAsync("/a");
        using (DiskFault.Exchange(_store.Path, _store.Path, FileAccess.Read))
        {
            await _store.AdvanceAsync(500);
        }

        await IsOverAsync("disk I/O error");
    }

    [Test]
    public async Task A_history_that_is_trimmed_with_a_doubt_ends_writing_and_the_log_is_left_as_it_is()
    {
        await ReopenAsync(isByBytes: false);
        await _store.FailCompactionsAsync(DiskFault.Broken);
        await PutsAsync(190);
        await _store.AdvanceAsync(500);
        await IsOverAsync("the disk has gone");
    }

    private async Task IsOverAsync(string reason)
    {
        var bytes = _store.File.UncheckpointedBytes;
        Assert.That(bytes, Is.GreaterThan(0));
        var error = await Assert.ThrowsAsync<CalicoException>(() => _store.PutAsync("/later"));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(error.Message, Does.Contain(reason));
        Assert.That(_store.Log.Lines, Is.EqualTo(new[] { _store.ReadOnly(error.Message) }));
        await _store.AdvanceAsync(1000);
        await _store.AdvanceAsync(1000);
        Assert.That(_store.File.UncheckpointedBytes, Is.EqualTo(bytes), "nothing is written, the log's copy neither");
        Assert.That(_store.Log.Lines, Has.Count.EqualTo(1));
    }

    /// <summary>A store that keeps 160 changes: an eighth is 20.</summary>
    private async Task ReopenAsync(bool isByBytes)
    {
        await _store.DisposeAsync();
        _store = new WriterUnderTest(o => isByBytes ? o with { KeptBytes = 16_000 } : o with { KeptChanges = 160 });
    }

    private async Task PutsAsync(int count)
    {
        await Task.WhenAll(Enumerable.Range(0, count).Select(_ => _store.PutAsync("/key", Value)));
        await _store.NothingAsync();
    }
}
