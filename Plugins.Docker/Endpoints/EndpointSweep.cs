using Calico.Plugins.Docker.Networks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Ends what can be ended without a report of what runs: endpoints without a link, and networks and addresses that never were an
/// endpoint's.</summary>
/// <remarks>
/// dockerd never asks twice: it ignores what Leave and DeleteEndpoint answer. One that was killed does not even ask once: the next one
/// releases the addresses of the containers that died, without a word of their endpoints (seen with 20.10), or has never heard of them.
/// An endpoint joins at once after it was created, and its link lives as long as the container's namespace; so one without a link for
/// longer than any call may take is over, also while dockerd is away. One whose link stands is <see cref="LiveContainers"/>' to judge, and
/// the host's to end.
/// </remarks>
internal sealed partial class EndpointSweep(DockerSettings settings, NetworkBook book, DaemonWitness witness, EndpointRemoval removal,
    LeaseSweep leases, IPluginLifetime lifetime, TimeProvider time, ILogger<EndpointSweep> log) : BackgroundService
{
    private const string Check = "forgotten endpoints";

    /// <summary>Since when each is suspect, without a break.</summary>
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);

    /// <summary>One look.</summary>
    /// <returns>How many were ended.</returns>
    public async Task<int> SweepAsync(CancellationToken ct)
    {
        var endpoints = await removal.ListAsync(ct);
        var live = await witness.AskAsync(endpoints.Select(e => e.Network), ct);
        var suspects = endpoints.Where(e => e.State == EndpointState.Prepared).ToDictionary(e => e.Id.Endpoint);
        var networks = live.Missing.Where(id => endpoints.All(e => e.Network != id) && book.Find(id) is not null).ToHashSet();
        foreach (var cleared in _since.Keys.Where(id => !suspects.ContainsKey(id) && !networks.Contains(id)).ToArray())
        {
            _since.Remove(cleared);
        }

        var failures = new List<string>();
        var ended = 0;
        foreach (var id in suspects.Keys.Concat(networks).Where(IsOver).ToArray())
        {
            ended += await TryAsync(id, suspects.GetValueOrDefault(id), failures, ct) ? 1 : 0;
        }

        ended += await leases.SweepAsync(live, ct);
        lifetime.Report(Check, failures.Count == 0, string.Join("; ", failures));
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
                await TrySweepAsync(ending.Token);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Told to go.
        }
    }

    /// <summary>Whatever a look meets, the next one comes.</summary>
    private async Task TrySweepAsync(CancellationToken ct)
    {
        try
        {
            await SweepAsync(ct);
        }
        catch (Exception e) when (e is CalicoException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            lifetime.Report(Check, false, e.Message);
        }
    }

    private bool IsOver(string id)
    {
        if (_since.TryGetValue(id, out var since))
        {
            return time.GetElapsedTime(since) >= settings.ForgottenAfter;
        }

        _since[id] = time.GetTimestamp();
        return false;
    }

    /// <summary>One that cannot be ended now is tried again at the next look, and keeps no other.</summary>
    private async Task<bool> TryAsync(string id, Attachment? endpoint, List<string> failures, CancellationToken ct)
    {
        try
        {
            await (endpoint is null ? removal.RemoveNetworkAsync(id, ct) : removal.RemoveAsync(endpoint, ct));
            Log.Ended(log, endpoint is null ? "network" : "endpoint", id);
            return true;
        }
        catch (CalicoException e)
        {
            failures.Add($"{id} cannot be removed: {e.Message}");
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7220, LogLevel.Information, "Dockerd has forgotten {What} {Id}: removed")]
        public static partial void Ended(ILogger log, string what, string id);
    }
}
