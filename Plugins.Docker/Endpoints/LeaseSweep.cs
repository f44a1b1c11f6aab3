using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Docker.Addresses;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Networks;
using Calico.Plugins.Docker.Protocol;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Docker.Endpoints;

/// <summary>Frees gateways and auxiliary addresses of networks that never came: dockerd, or the host, died between the request for them and
/// the network.</summary>
/// <remarks>Another network driver's networks take addresses here too, and no call ever tells of those. So dockerd is asked what its
/// networks have, and only what a process of that same daemon asked for can end.</remarks>
internal sealed partial class LeaseSweep(DockerSettings settings, NetworkBook book, IIpam ipam, IDockerDaemon daemon, TimeProvider time,
    ILogger<LeaseSweep> log)
{
    /// <summary>Since when each has been without a network, without a break.</summary>
    private readonly Dictionary<(IPAddress Address, ulong Sequence), long> _since = [];

    /// <summary>One look.</summary>
    /// <returns>How many were freed.</returns>
    public async Task<int> SweepAsync(LiveEndpoints live, CancellationToken ct)
    {
        var marks = live.Processes.Select(AskedLease.Mark).ToHashSet(StringComparer.Ordinal);
        ImmutableArray<AddressLease> suspects =
        [
            .. (await ipam.ListAsync(null, ct)).Where(l => l.BoundTo is null && AskedLease.MarkOf(l) is { } mark && marks.Contains(mark)
                && (l.Purpose == LeasePurpose.Foreign || IsGatewayWithoutNetwork(l))),
        ];
        if (!suspects.IsEmpty)
        {
            var taken = await TakenAsync(ct);
            suspects = taken is null ? [] : suspects.RemoveAll(l => taken.Contains(l.Address));
        }

        var keys = suspects.Select(l => (l.Address, l.Sequence)).ToHashSet();
        foreach (var cleared in _since.Keys.Where(k => !keys.Contains(k)).ToArray())
        {
            _since.Remove(cleared);
        }

        var freed = 0;
        foreach (var lease in suspects.Where(IsOver))
        {
            if (await ipam.ReleaseAsync(lease, ct) == ReleaseOutcome.Released)
            {
                Log.Freed(log, lease.Address, lease.Owner);
                freed++;
            }
        }

        return freed;
    }

    private bool IsGatewayWithoutNetwork(AddressLease lease) => AskedLease.IsGateway(lease) && !book.IsOurs(PoolId.Parse(lease.Owner));

    private async Task<ImmutableHashSet<IPAddress>?> TakenAsync(CancellationToken ct)
    {
        try
        {
            return await daemon.ListTakenAsync(ct);
        }
        catch (DaemonException)
        {
            return null;
        }
    }

    private bool IsOver(AddressLease lease)
    {
        if (_since.TryGetValue((lease.Address, lease.Sequence), out var since))
        {
            return time.GetElapsedTime(since) >= settings.ForgottenAfter;
        }

        _since[(lease.Address, lease.Sequence)] = time.GetTimestamp();
        return false;
    }

    private static partial class Log
    {
        [LoggerMessage(7221, LogLevel.Information, "Address {Address} was asked for ({Owner}) by a network that never came: freed")]
        public static partial void Freed(ILogger log, IPAddress address, string owner);
    }
}
