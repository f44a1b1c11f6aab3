namespace Calico.Ipam;

/// <summary>An operation that nobody waits for without the store.</summary>
internal abstract class StoreOnlyOperation<T> : NodeOperation<T>
{
    public sealed override async ValueTask<bool> PlanAsync(LeasePlan plan, CancellationToken ct)
    {
        if (plan is not OnlinePlan online)
        {
            return false;
        }

        await PlanAsync(online, ct);
        return true;
    }

    protected abstract Task PlanAsync(OnlinePlan plan, CancellationToken ct);
}
