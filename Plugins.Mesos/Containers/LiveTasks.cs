namespace Calico.Plugins.Mesos.Containers;

/// <summary>What runs, for the host: every container that is in the book.</summary>
/// <remarks>
/// Agents are never asked, they tell: what <see cref="ContainerRecovery"/> was not told of, and what <see cref="ContainerSweep"/> finds
/// forgotten, is taken away by those. A container is in the book before its endpoints are made, and leaves it after them; so an endpoint
/// whose container is not has lost its document, and nobody would ever ask for it. The report is complete, and an unbound lease that it
/// does not name is collected by its age.
/// </remarks>
internal sealed class LiveTasks(ContainerBook book, ContainerLoading loading, IWorkloadNetwork network, TimeProvider time) : ILiveWorkloads
{
    public async Task<LiveReport> ListLiveAsync(CancellationToken ct)
    {
        await loading.WaitAsync(ct);
        var asOf = time.GetUtcNow();
        var endpoints = await network.ListAsync(null, ct);
        return new(true, asOf, [.. endpoints.Where(e => book.Find(e.Id.Workload) is not null).Select(e => (e.Id, e.Instance))], []);
    }
}
