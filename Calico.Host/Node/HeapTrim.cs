using Calico.Datastore.Sync;
using Calico.Host.Stages;

namespace Calico.Host.Node;

/// <summary>Gives memory back that a great many changes at once (the first list, a list after a long silence) took and nobody holds any
/// more.</summary>
/// <remarks>A host that is idle afterwards would keep it for ever: the collector runs when something is allocated. One collection takes a
/// few dozen milliseconds, so it waits until the changes are in the kernel.</remarks>
internal sealed class HeapTrim(TimeProvider time) : IStoreFollower
{
    private const int ManyChanges = 5000;
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    private readonly LoopSignal _wake = new(time);
    private int _changes;

    public void Accept(SyncBatch batch, SyncStatus before)
    {
        _changes += batch.Updates.Length;
        if (batch.Status == SyncStatus.InSync && _changes >= ManyChanges)
        {
            _changes = 0;
            _wake.Set();
        }
    }

    /// <summary>After each such time; until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        while (true)
        {
            await _wake.WaitAsync(Timeout.InfiniteTimeSpan, ct);
            await Task.Delay(Quiet, time, ct);
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }
}
