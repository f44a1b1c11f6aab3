using System.Text;
using System.Threading.Channels;
using Calico.Datastore.Store;

namespace Calico.TestKit.Store;

/// <summary>Follows a prefix and hands out one line of text per change.</summary>
public sealed class WatchReader : IAsyncDisposable
{
    private readonly Channel<string> _events = Channel.CreateUnbounded<string>();
    private readonly List<long> _revisions = [];
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop;
    private readonly Task _loop;
    private readonly CancellationToken _limit;

    public WatchReader(IKeyValueStore store, string prefix, long fromRevision, CancellationToken ct)
    {
        _limit = ct;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _loop = Task.Run(() => RunAsync(store, prefix, fromRevision), CancellationToken.None);
    }

    /// <summary>Mod revisions in the order they came.</summary>
    public IReadOnlyList<long> Revisions => _revisions;

    /// <summary>The watch is set: the store has said up to where it is complete.</summary>
    public Task StartedAsync() => _started.Task.WaitAsync(_limit);

    /// <summary><c>put key=value (was old)</c> or <c>delete key (was old)</c>; or throws what ended the watch.</summary>
    public async Task<string> NextAsync()
    {
        if (!await _events.Reader.WaitToReadAsync(_limit))
        {
            throw new InvalidOperationException("the watch ended without an error");
        }

        return await _events.Reader.ReadAsync(_limit);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();

        // How it ended is NextAsync's to say.
        await Task.WhenAny(_loop);
        _stop.Dispose();
    }

    private async Task RunAsync(IKeyValueStore store, string prefix, long fromRevision)
    {
        try
        {
            await foreach (var batch in store.WatchAsync(prefix, fromRevision, _stop.Token))
            {
                _started.TrySetResult();
                foreach (var change in batch.Events)
                {
                    _revisions.Add(change.Current?.ModRevision ?? batch.Revision);
                    var name = change.Key[prefix.Length..];
                    var was = change.Previous is { } old ? $" (was {Encoding.UTF8.GetString(old.Value.Span)})" : "";
                    _events.Writer.TryWrite(change.Current is { } now
                        ? $"put {name}={Encoding.UTF8.GetString(now.Value.Span)}{was}"
                        : $"delete {name}{was}");
                }
            }
        }
        catch (Exception error)
        {
            _events.Writer.TryComplete(error);
            _started.TrySetException(error);
            throw;
        }
    }
}
