namespace Calico.Ipam;

/// <summary>A wish of a caller.</summary>
/// <remarks>Planning is repeated when a transaction is refused, and when the store keeps it waiting, so it has no effect but on its plan.
/// </remarks>
internal abstract class NodeOperation
{
    /// <summary>Handles, endpoints and addresses it is about; two operations that share one are not in one transaction.</summary>
    public abstract IEnumerable<string> Scopes { get; }

    /// <summary>Whether it shares a transaction with nothing.</summary>
    public virtual bool IsExclusive => false;

    /// <summary>Whether it goes on when its caller stops waiting.</summary>
    public virtual bool OutlivesCaller => false;

    /// <summary>Whether it fails at once where the store has just failed and it cannot be answered without: a removal never does.</summary>
    public virtual bool IsRefusedAtRest => false;

    /// <summary>The namespace whose labels decide about pools; empty: none.</summary>
    public virtual string Namespace => "";

    public OperationState State { get; set; }

    /// <summary>When it was asked for, as the clock's timestamp.</summary>
    public long Since { get; set; }

    /// <summary>The plan that is in a transaction.</summary>
    public OnlinePlan? Plan { get; set; }

    /// <summary>Whether it has been planned on freshly read data, so that a refusal is final.</summary>
    public bool IsFresh { get; set; }

    public abstract Task Completion { get; }

    /// <summary>Plans it, by what the plan can ask: the store, or what this node holds. The rules are the same.</summary>
    /// <returns>False: this plan cannot say, the store is needed. Never of an <see cref="OnlinePlan"/>.</returns>
    /// <exception cref="CalicoException">It cannot be done.</exception>
    public abstract ValueTask<bool> PlanAsync(LeasePlan plan, CancellationToken ct);

    /// <summary>Tells the caller that a plan was done.</summary>
    /// <param name="answer">That plan's, and no later one's: the writer may still be planning what was answered without the store.</param>
    public abstract void Complete(object? answer);

    public abstract void Fail(Exception problem);
}

/// <summary>An operation with an answer.</summary>
internal abstract class NodeOperation<T> : NodeOperation
{
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override Task Completion => _completion.Task;

    public Task<T> Answer => _completion.Task;

    public override void Complete(object? answer) => _completion.TrySetResult(answer is T typed ? typed : default!);

    public override void Fail(Exception problem) => _completion.TrySetException(problem);
}
