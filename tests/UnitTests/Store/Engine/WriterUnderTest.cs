using System.Text;
using Calico.EmbeddedStore;
using Calico.EmbeddedStore.Engine;
using Calico.EmbeddedStore.Storage;
using Calico.UnitTests.Host;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Calico.UnitTests.Store.Engine;

/// <summary>A writer with its file, whose disk fails where a test says so (<see cref="DiskFault"/>) and whose clock stands still.</summary>
internal sealed class WriterUnderTest : IAsyncDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly TempFolder _folder = new();
    private readonly EmbeddedStoreOptions _options;

    public WriterUnderTest(Func<EmbeddedStoreOptions, EmbeddedStoreOptions>? with = null, ILogger? logger = null)
    {
        _options = (with ?? (o => o))(_folder.Options());
        StoreFile.Open(_options).Dispose();
        DiskFault.Prepare(_options.Path);
        File = StoreFile.Open(_options);
        var (state, changes) = File.Load();
        var history = new ChangeHistory();
        history.Append(changes);
        Writer = new EngineWriter(File, state, history, _options, Time, logger ?? Log);
    }

    public StoreFile File { get; }

    public EngineWriter Writer { get; }

    public FakeTimeProvider Time { get; } = new();

    public LogLines Log { get; } = new();

    public string Path => _options.Path;

    /// <summary>Keys that have a value now.</summary>
    public IEnumerable<string> Keys => KeysOf(Writer.State);

    public static EngineTransaction Put(string key, string value = "") =>
        new([], [new EngineOperation.Put(KeyText.Bytes(key), Encoding.UTF8.GetBytes(value), 0)], []);

    public static IEnumerable<string> KeysOf(EngineState state) =>
        state.Range(KeyInterval.All, state.Revision).Select(v => KeyText.Text(v.Key));

    /// <returns>The store's revision after it.</returns>
    public async Task<long> PutAsync(string key, string value = "") =>
        (await Writer.WriteAsync(batch => batch.Commit(Put(key, value)), Ct)).Revision;

    public async Task<long> DeleteAsync(string key)
    {
        var deletion = new EngineOperation.Delete(KeyInterval.Single(KeyText.Bytes(key)));
        return (await Writer.WriteAsync(batch => batch.Commit(new([], [deletion], [])), Ct)).Revision;
    }

    /// <summary>Deletions of rows, a compaction's that is, meet a fault from now on; none: they are done again.</summary>
    public Task FailCompactionsAsync(string? fault) => Writer.WriteAsync(batch =>
    {
        foreach (var each in (string[])[DiskFault.Full, DiskFault.Broken])
        {
            batch.WriteLog(KeyText.Bytes(each), each == fault ? new LogEntry(each, [1]) : null);
        }

        return 0;
    }, Ct);

    /// <summary>What the log says when nothing is written any more.</summary>
    public string ReadOnly(string reason) => $"Error: The store {Path} is read-only until it is opened again: {reason}";

    /// <summary>All that was posted is done, and what the writer does after it.</summary>
    public async Task SettleAsync()
    {
        await NothingAsync();
        await NothingAsync();
    }

    /// <summary>A write that changes nothing; what the writer did after earlier ones is over when it returns.</summary>
    public Task NothingAsync() => Writer.WriteAsync(_ => 0, Ct);

    /// <summary>Moves the clock, once the writer waits for it after all that was done before, and lets it do what is due.</summary>
    public async Task AdvanceAsync(int milliseconds)
    {
        await NothingAsync();
        Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        await SettleAsync();
    }

    /// <summary>Starts writes while the writer is busy: in this order they are its next group.</summary>
    public async Task<T> WhileBusyAsync<T>(Func<T> start)
    {
        using var go = new ManualResetEventSlim();
        var isBusy = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var busy = Writer.WriteAsync(_ =>
        {
            isBusy.SetResult();
            go.Wait();
            return 0;
        }, Ct);
        await isBusy.Task;
        try
        {
            return start();
        }
        finally
        {
            go.Set();
            await busy;
        }
    }

    /// <summary>Closes the writer and reads what is on disk.</summary>
    public async Task<EngineState> CloseAndReadAsync()
    {
        await Writer.DisposeAsync();
        File.Dispose();
        using var again = StoreFile.Open(_options);
        return again.Load().State;
    }

    public async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        File.Dispose();
        await _folder.DisposeAsync();
    }
}
