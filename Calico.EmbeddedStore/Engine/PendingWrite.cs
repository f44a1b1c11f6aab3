namespace Calico.EmbeddedStore.Engine;

/// <summary>A write that waits for the writer.</summary>
internal abstract class PendingWrite
{
    /// <summary>Applies it to the batch; once more when its first batch could not be written. One that is cancelled is done with, and one
    /// that is refused leaves nothing in the batch.</summary>
    public abstract void Apply(WriteBatch batch);

    /// <summary>Its batch is on disk: the caller has the result, or the refusal, which rested on what is in the batch.</summary>
    public abstract void Complete();

    /// <summary>Its batch is not on disk.</summary>
    public abstract void Fail(Exception error);
}

internal sealed class PendingWrite<T>(Func<WriteBatch, T> action, CancellationToken ct) : PendingWrite
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _refusal;

    public Task<T> Task => _done.Task;

    public override void Apply(WriteBatch batch)
    {
        _refusal = null;
        if (ct.IsCancellationRequested)
        {
            _done.TrySetCanceled(ct);
            return;
        }

        try
        {
            _result = batch.Apply(action);
        }
        catch (Exception error)
        {
            // Edge of the writer: what is wrong with one request is its caller's answer and nobody else's.
            _refusal = error;
        }
    }

    public override void Complete()
    {
        if (_refusal is null)
        {
            _done.TrySetResult(_result!);
        }
        else
        {
            _done.TrySetException(_refusal);
        }
    }

    public override void Fail(Exception error) => _done.TrySetException(error);
}
