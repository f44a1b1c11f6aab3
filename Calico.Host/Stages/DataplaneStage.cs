using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The kernel as the node log says it should be, closed where policy is not known yet. Its stop leaves the kernel as it is:
/// forwarding and enforcing.</summary>
internal sealed partial class DataplaneStage(NodeKernel kernel, WorkloadConnector connector, LastKnown lastKnown, string bootId,
    HostBasis basis) : IHostStage
{
    private readonly ILogger _logger = basis.Loggers.CreateLogger<DataplaneStage>();
    private readonly HostLoops _loops = new(basis.Health, basis.Loggers.CreateLogger<DataplaneStage>());
    private readonly HealthCheck _nodeLog = basis.Health.Check("host", "node log");

    public string Name => "dataplane";

    public string Doing => "the kernel's tables are being read";

    public async Task StartAsync(CancellationToken ct)
    {
        connector.Restore(e =>
        {
            // Kept in the log for a person; its interface is unknown to the rules and therefore closed.
            _nodeLog.Fail(e.Message);
            Log.BadRecord(_logger, e.Message);
        });
        await kernel.Loop.StartAsync(ct);
        kernel.Forward.Start();
        kernel.Side.Adopt(connector.Book.All.Select(l => l.Record).Where(r => r.Placed && r.BootId == bootId));
        var placed = connector.Book.All.Where(l => l.Record.Conflict is null && connector.HasLink(l.Record)).ToList();
        await kernel.Loop.SetInitialAsync([.. placed.Select(l => LocalEndpoints.From(l.Record))], ct);
        await lastKnown.EnforceAsync(ct);
        await connector.AdoptAsync(ct);
        _loops.Run("dataplane", token => kernel.Loop.Completion.WaitAsync(token));
    }

    public async Task StopAsync(CancellationToken ct)
    {
        await _loops.StopAsync();
        await kernel.DisposeAsync();
    }

    private static partial class Log
    {
        [LoggerMessage(1011, LogLevel.Error, "{Reason}")]
        public static partial void BadRecord(ILogger logger, string reason);
    }
}
