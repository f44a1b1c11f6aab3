using Calico.Datastore.Store;
using Calico.TestKit.Store;

namespace Calico.UnitTests.Ipam;

/// <summary>A store whose network holds one transaction back and delivers it long after the caller gave up.</summary>
internal sealed class LateStore(IKeyValueStore inner) : ForwardingStore(inner)
{
    private StoreTransaction? _held;

    public bool HoldNext { get; set; }

    /// <summary>Completes when the transaction is held.</summary>
    public TaskCompletionSource Held { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<StoreOutcome> DeliverAsync() => base.CommitAsync(_held!, CancellationToken.None);

    public override async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        if (!HoldNext)
        {
            return await base.CommitAsync(transaction, ct);
        }

        HoldNext = false;
        _held = transaction;
        Held.TrySetResult();
        await Task.Delay(Timeout.InfiniteTimeSpan, ct);
        throw new InvalidOperationException("not reached");
    }
}
