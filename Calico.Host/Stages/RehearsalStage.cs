using Calico.Host.Rehearsal;
using Calico.Linux.Namespaces;
using Calico.Linux.Netlink;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>Beside the first calls: what they will run is compiled before they come.</summary>
internal sealed partial class RehearsalStage(string folder, HostBasis basis) : IHostStage, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ILogger _logger = basis.Loggers.CreateLogger<RehearsalStage>();
    private Task _running = Task.CompletedTask;

    public string Name => "rehearsal";

    public string Doing => "a first workload is rehearsed";

    public Task StartAsync(CancellationToken ct)
    {
        _running = Task.Run(RunAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken ct)
    {
        await _stopping.CancelAsync();
        await _running;
        Dispose();
    }

    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync()
    {
        var since = basis.Time.GetTimestamp();
        try
        {
            await using var kernel = new RehearsedKernel(Name, basis.Time);
            await kernel.StartAsync(_stopping.Token);
            await ConnectRehearsal.RunAsync(folder, kernel, basis.Time, _stopping.Token);
            Log.Done(_logger, (long)basis.Time.GetElapsedTime(since).TotalMilliseconds);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Nobody will come any more.
        }
        catch (Exception e) when (e is CalicoException or NamespaceException or NetlinkException or IOException
            or UnauthorizedAccessException or OperationCanceledException)
        {
            // The top frame: workloads are served all the same, the first one slower.
            Log.Failed(_logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1197, LogLevel.Debug, "a first workload was rehearsed in {Milliseconds} ms")]
        public static partial void Done(ILogger logger, long milliseconds);

        [LoggerMessage(1198, LogLevel.Warning, "a first workload could not be rehearsed; it will take longer: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
