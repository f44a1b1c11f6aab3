using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Docker.Addresses;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Networks;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>What dockerd runs, for the host, which ends what a complete report does not name.</summary>
/// <remarks>
/// Only one daemon can be asked, and more than one may be at the sockets. So the report names every endpoint but those whose network this
/// daemon lists without them for longer than any call may take (its link may stand where it was made, because dockerd died before it moved
/// it). Likewise addresses: those that dockerd's networks have, and the unbound leases of networks that are another daemon's.
/// </remarks>
internal sealed class LiveContainers(DockerSettings settings, NetworkBook book, DaemonWitness witness, EndpointRemoval removal,
    IDockerDaemon daemon, IIpam ipam, TimeProvider time) : ILiveWorkloads
{
    /// <summary>Since when each has been missing, without a break.</summary>
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);

    public async Task<LiveReport> ListLiveAsync(CancellationToken ct)
    {
        var asOf = time.GetUtcNow();
        var endpoints = await removal.ListAsync(ct);
        if (endpoints.IsEmpty && book.Followed.IsEmpty)
        {
            // Maybe there is no Docker, and nothing is of it.
            return new(true, asOf, [], []);
        }

        var live = await witness.AskAsync(endpoints.Select(e => e.Network), ct);
        if (live.Daemon is null)
        {
            // While it is away nothing is missing.
            _since.Clear();
            return new(false, asOf, [], []);
        }

        var missing = endpoints.Where(live.Lacks).Select(e => e.Id.Endpoint).ToHashSet(StringComparer.Ordinal);
        foreach (var listed in _since.Keys.Where(id => !missing.Contains(id)).ToArray())
        {
            _since.Remove(listed);
        }

        var over = missing.Where(IsOver).ToHashSet(StringComparer.Ordinal);
        return new(
            true, asOf, [.. endpoints.Where(e => !over.Contains(e.Id.Endpoint)).Select(e => (e.Id, e.Instance))],
            [.. (await TakenAsync(ct)).Union(await InDoubtAsync(live.Daemon, ct))]);
    }

    private async Task<ImmutableHashSet<IPAddress>> TakenAsync(CancellationToken ct)
    {
        try
        {
            return await daemon.ListTakenAsync(ct);
        }
        catch (DaemonException e)
        {
            throw new CalicoException(Problem.Unavailable, e.Message, inner: e);
        }
    }

    /// <summary>Leases without an endpoint that another daemon may have asked for.</summary>
    private async Task<IEnumerable<IPAddress>> InDoubtAsync(string daemonId, CancellationToken ct) =>
        (await ipam.ListAsync(null, ct)).Where(l => l is { BoundTo: null, Purpose: LeasePurpose.Endpoint }
            && AskedLease.PoolOf(l) is { } pool && book.WithPool(pool).Any(n => n.WitnessedBy != daemonId)).Select(l => l.Address);

    private bool IsOver(string id)
    {
        if (_since.TryGetValue(id, out var since))
        {
            return time.GetElapsedTime(since) >= settings.ForgottenAfter;
        }

        _since[id] = time.GetTimestamp();
        return false;
    }
}
