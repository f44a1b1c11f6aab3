using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.TestKit.Store;

namespace Calico.UnitTests.Ipam;

/// <summary>A disk that takes its time when asked to.</summary>
internal sealed class SlowLog : INodeLog
{
    private readonly InMemoryNodeLog _log = new();

    public TaskCompletionSource? Gate { get; set; }

    public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Single keys asked for so far.</summary>
    public int LookedUp { get; private set; }

    public ReadOnlyMemory<byte>? Get(string key)
    {
        LookedUp++;
        return _log.Get(key);
    }

    public ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>> List(string prefix) => _log.List(prefix);

    public async Task CommitAsync(ImmutableArray<NodeLogWrite> writes, CancellationToken ct)
    {
        if (Gate is { } gate)
        {
            Reached.TrySetResult();
            await gate.Task;
        }

        await _log.CommitAsync(writes, ct);
    }

    public Task<StoreOutcome> CommitAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<NodeLogWrite> writes,
        CancellationToken ct) =>
        _log.CommitAsync(store, transaction, writes, ct);
}
