using Calico.Host.Node;
using Calico.Host.Workloads;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The last one: workloads may come.</summary>
internal sealed partial class ReadyStage(StartGate gate, string nodeName, DatastoreKind datastore, EndpointBook book, HostBasis basis)
    : IHostStage
{
    private readonly ILogger _logger = basis.Loggers.CreateLogger<ReadyStage>();

    public string Name => "ready";

    public string Doing => "it is about to be ready";

    public Task StartAsync(CancellationToken ct)
    {
        gate.Open();
        Log.Ready(_logger, ThisVersion.Text, nodeName, datastore.Name, book.Count,
            (long)basis.Time.GetElapsedTime(basis.StartedAt).TotalMilliseconds);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken ct) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Information,
            "calico-host {Version} ready: node {Node}, datastore {Datastore}, {Endpoints} endpoints, after {Milliseconds} ms")]
        public static partial void Ready(ILogger logger, string version, string node, string datastore, int endpoints, long milliseconds);
    }
}
