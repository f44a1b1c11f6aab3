using Calico.Plugins.Docker.Networks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Ends endpoints that dockerd has forgotten.</summary>
/// <remarks>
/// dockerd never asks twice: it ignores what Leave and DeleteEndpoint answer. One that was killed does not even ask once: the next one
/// releases the addresses of the containers that died, without a word of their endpoints (seen with 20.10), or has never heard of them.
/// An endpoint joins at once after it was created, and its link lives as long as the container's namespace; so one without a link for
/// longer than any call may take is over. dockerd makes a new one for the container's next start.
/// </remarks>
internal sealed partial class EndpointSweep(DockerSettings settings, NetworkBook book, IWorkloadNetwork network,
    IWorkloadDataplane dataplane, IProfiles profiles, IPluginLifetime lifetime, TimeProvider time, ILogger<EndpointSweep> log)
    : BackgroundService
{
    private readonly Dictionary<WorkloadEndpointId, long> _unlinkedSince = [];

    /// <summary>One look.</summary>
    /// <returns>How many were ended.</returns>
    public async Task<int> SweepAsync(CancellationToken ct)
    {
        var unlinked = (await network.ListAsync(null, ct)).Where(a => a.State == EndpointState.Prepared).ToDictionary(a => a.Id);
        foreach (var linked in _unlinkedSince.Keys.Where(id => !unlinked.ContainsKey(id)).ToArray())
        {
            _unlinkedSince.Remove(linked);
        }

        var (ended, failures) = (0, new List<string>());
        foreach (var (id, endpoint) in unlinked)
        {
            if (!_unlinkedSince.TryGetValue(id, out var since))
            {
                _unlinkedSince[id] = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(since) >= settings.ForgottenAfter)
            {
                ended += await TryEndAsync(endpoint, failures, ct) ? 1 : 0;
            }
        }

        lifetime.Report("forgotten endpoints", failures.Count == 0, string.Join("; ", failures));
        return ended;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.Draining);
        using var timer = new PeriodicTimer(settings.SweepInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ending.Token))
            {
                await SweepAsync(ending.Token);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Told to go.
        }
    }

    /// <summary>One that cannot be ended now is tried again at the next look, and keeps no other.</summary>
    private async Task<bool> TryEndAsync(Attachment endpoint, List<string> failures, CancellationToken ct)
    {
        try
        {
            await dataplane.RemoveAsync(endpoint.Id, endpoint.Instance, ct);
            Log.Ended(log, endpoint.Id.Endpoint, endpoint.Network);
            if (book.Find(endpoint.Network) is null)
            {
                // Deleted before: the profile was kept for this endpoint.
                await profiles.RemoveAsync(endpoint.Network, ct);
            }

            return true;
        }
        catch (CalicoException e)
        {
            failures.Add($"endpoint {endpoint.Id.Endpoint} cannot be removed: {e.Message}");
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7220, LogLevel.Information,
            "Endpoint {Endpoint} of network {Network} has no link, and dockerd has forgotten it: removed")]
        public static partial void Ended(ILogger log, string endpoint, string network);
    }
}
