namespace Calico.Ipam;

/// <summary>Makes the writer run once, so that it replays.</summary>
internal sealed class ReplayOperation : StoreOnlyOperation<bool>
{
    public override IEnumerable<string> Scopes => [];

    protected override Task PlanAsync(OnlinePlan plan, CancellationToken ct) => Task.CompletedTask;
}
