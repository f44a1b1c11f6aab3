using Calico.Host.Node;
using Calico.Host.Reporting;
using Calico.Host.Workloads;
using Calico.Ipam;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>Addresses, and endpoints that are true to what lives.</summary>
internal sealed class WorkloadStage(NodeIpam ipam, WorkloadConnector connector, StoreUpkeep store, EndpointUpkeep endpoints,
    EndpointStatusWriter statuses, HostBasis basis) : IHostStage
{
    private readonly HostLoops _loops = new(basis.Health, basis.Loggers.CreateLogger<WorkloadStage>());

    public string Name => "workloads";

    public string Doing => "addresses are being loaded";

    public async Task StartAsync(CancellationToken ct)
    {
        await ipam.LoadAsync(ct);
        await connector.CollectDeadAsync(ct);
        _loops.Run("maintenance", store.RunAsync);
        _loops.Run("endpoint upkeep", endpoints.RunAsync);
        _loops.Run("endpoint status", statuses.RunAsync);
    }

    public async Task StopAsync(CancellationToken ct)
    {
        await _loops.StopAsync();
        await connector.DisposeAsync();
        await ipam.DisposeAsync();
    }
}
