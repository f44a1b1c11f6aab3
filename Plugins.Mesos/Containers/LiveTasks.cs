namespace Calico.Plugins.Mesos.Containers;

/// <summary>What runs, for the host: everything that stands.</summary>
/// <remarks>Agents are never asked, they tell: what <see cref="ContainerRecovery"/> was not told of, and what <see
/// cref="ContainerSweep"/> finds forgotten, is taken away by those. So the report is complete, and an unbound lease that it does not
/// name is collected by its age.</remarks>
internal sealed class LiveTasks(IWorkloadNetwork network, TimeProvider time) : ILiveWorkloads
{
    public async Task<LiveReport> ListLiveAsync(CancellationToken ct)
    {
        var asOf = time.GetUtcNow();
        return new(true, asOf, [.. (await network.ListAsync(null, ct)).Select(e => (e.Id, e.Instance))], []);
    }
}
