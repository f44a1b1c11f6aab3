using System.Collections.Concurrent;
using System.Collections.Immutable;
using Calico.Plugins.Docker.Endpoints;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>Names and labels of containers, written to their endpoints.</summary>
/// <remarks>An update waits until the kernel enforces it. So they go side by side, each within <see cref="Limit"/>: one that the kernel
/// refuses holds up no other.</remarks>
internal sealed partial class LabelWriter(
    IWorkloadNetwork network, IWorkloadDataplane dataplane, LabelMeter meter, TimeProvider time, ILogger<LabelWriter> log)
{
    private const int AtOnce = 16;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <summary>What was written last, so that a list writes only what is new.</summary>
    private readonly ConcurrentDictionary<string, ContainerEndpoint> _written = new(StringComparer.Ordinal);

    /// <returns>How many were written, and the networks of those that could not be.</returns>
    public async Task<(int Written, ImmutableHashSet<string> Failed)> WriteAsync(
        ImmutableArray<DaemonNetwork> networks, CancellationToken ct)
    {
        var waiting = meter.Waiting;
        var known = (await network.ListAsync(null, ct)).Select(a => a.Id.Endpoint).ToHashSet(StringComparer.Ordinal);
        foreach (var gone in _written.Keys.Where(id => !known.Contains(id)))
        {
            _written.TryRemove(gone, out _);
        }

        foreach (var gone in waiting.Where(id => !known.Contains(id)))
        {
            meter.Forget(gone);
        }

        // One that is gone meanwhile, or is not known here, has nothing to write to.
        var wanted = networks.SelectMany(n => n.Endpoints, (n, e) => (n.Id, Endpoint: e)).Where(w => known.Contains(w.Endpoint.EndpointId)
            && w.Endpoint.ContainerId.Length > 0
            && !(_written.TryGetValue(w.Endpoint.EndpointId, out var before) && IsSame(before, w.Endpoint)));
        var (written, failed) = (0, new ConcurrentBag<string>());
        await Parallel.ForEachAsync(
            wanted, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct }, async (want, one) =>
            {
                if (await TryWriteAsync(want.Endpoint, one))
                {
                    Interlocked.Increment(ref written);
                }
                else
                {
                    failed.Add(want.Id);
                }
            });
        return (written, [.. failed]);
    }

    private async Task<bool> TryWriteAsync(ContainerEndpoint endpoint, CancellationToken ct)
    {
        var refused = new List<string>();
        var change = new EndpointChange(EndpointLabels.Of(endpoint, refused)) { Facts = EndpointLabels.FactsOf(endpoint) };
        using var patience = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        try
        {
            await dataplane.UpdateAsync(EndpointCalls.IdOf(endpoint.EndpointId), change, either.Token);
        }
        catch (CalicoException e) when (e.Problem == Problem.NotFound)
        {
            // It went meanwhile.
            return true;
        }
        catch (CalicoException e)
        {
            Log.NotWritten(log, endpoint.EndpointId, e.Message);
            return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            Log.NotWritten(log, endpoint.EndpointId, "the kernel does not enforce them yet");
            return false;
        }

        _written[endpoint.EndpointId] = endpoint;
        meter.Labelled(endpoint.EndpointId);
        if (refused.Count > 0)
        {
            Log.NoLabel(log, endpoint.ContainerName, string.Join("; ", refused));
        }

        return true;
    }

    private static bool IsSame(ContainerEndpoint a, ContainerEndpoint b) =>
        a.ContainerName == b.ContainerName && a.NetworkName == b.NetworkName && a.Labels.SequenceEqual(b.Labels);

    private static partial class Log
    {
        [LoggerMessage(7231, LogLevel.Warning, "Container {Container}: {Reasons}")]
        public static partial void NoLabel(ILogger log, string container, string reasons);

        [LoggerMessage(7232, LogLevel.Debug, "Names and labels of endpoint {Endpoint} are not written, and tried again: {Reason}")]
        public static partial void NotWritten(ILogger log, string endpoint, string reason);
    }
}
