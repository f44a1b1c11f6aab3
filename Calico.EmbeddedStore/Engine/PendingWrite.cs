namespace Calico.EmbeddedStore.Engine;

/// <summary>A write that waits for the writer.</summary>
internal abstract class PendingWrite
{
    /// <summary>Applies it to the batch; false: it failed or was cancelled by itself, and is done.</summary>
    public abstract bool Apply(WriteBatch batch);

    /// <summary>Its batch is on disk.</summary>
    public abstract void Complete();

    public abstract void Fail(Exception error);
}

internal sealed class PendingWrite<T>(Func<WriteBatch, T> action, CancellationToken ct) : PendingWrite
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;

    public Task<T> Task => _done.Task;

    public override bool Apply(WriteBatch batch)
    {
        if (ct.IsCancellationRequested)
        {
            _done.TrySetCanceled(ct);
            return false;
        }

        try
        {
            _result = batch.Apply(action);
            return true;
        }
        catch (Exception error)
        {
            // Edge of the writer: what is wrong with one request is its caller's answer and nobody else's.
            _done.TrySetException(error);
            return false;
        }
    }

    public override void Complete() => _done.TrySetResult(_result!);

    public override void Fail(Exception error) => _done.TrySetException(error);
}
