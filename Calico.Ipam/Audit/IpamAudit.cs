using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Store;
using Microsoft.Extensions.Logging;

namespace Calico.Ipam;

/// <summary>Proves who owns the addresses of a node: handle, endpoint, live report and link agree, or it says which does not. What nobody
/// owns is freed, slowly: seen, seen again after the quarantine, then released only if it is still the same allocation.</summary>
/// <remarks>Runs are not concurrent. Nothing is collected of an adapter whose report is not complete.</remarks>
/// <param name="store">The store.</param>
/// <param name="leases">This node's leases; releases go through it.</param>
/// <param name="sources">Who uses addresses.</param>
/// <param name="nodeName">This node.</param>
/// <param name="quarantine">How long an address has to stay unowned.</param>
/// <param name="time">Monotonic time only: a jump of the clock shortens no quarantine.</param>
/// <param name="logger">Says what is freed.</param>
public sealed partial class IpamAudit(IKeyValueStore store, NodeIpam leases, IAuditSources sources, string nodeName, TimeSpan quarantine,
    TimeProvider time, ILogger<IpamAudit> logger)
{
    private readonly Dictionary<(IPAddress Address, ulong Sequence), long> _quarantined = [];

    /// <summary>Addresses that nobody owned last time.</summary>
    public int Quarantined => _quarantined.Count;

    /// <summary>Compares, and changes nothing.</summary>
    public async Task<IpamReport> InspectAsync(CancellationToken ct)
    {
        var report = IpamReport.Of(await IpamSnapshot.ReadAsync(store, null, ct), await sources.EndpointsAsync(ct));
        var (linked, live) = (await sources.LinkedAsync(ct), await LiveAsync(report, ct));
        var more = report.Addresses.Where(a => a.Node == nodeName && !a.UsedBy.IsEmpty && a.Lease.Adapter.Length > 0)
            .Select(a => Missing(a, linked, live)).OfType<AuditFinding>();
        return report with { Findings = [.. report.Findings, .. more] };
    }

    /// <summary>Compares, and frees what has been nobody's for the quarantine.</summary>
    /// <returns>What was found, and the addresses freed.</returns>
    public async Task<(IpamReport Report, ImmutableArray<IPAddress> Freed)> CollectAsync(CancellationToken ct)
    {
        var report = await InspectAsync(ct);
        var (linked, live) = (await sources.LinkedAsync(ct), await LiveAsync(report, ct));
        var unowned = report.Addresses.Where(a => IsUnowned(a, linked, live)).ToImmutableArray();
        var seen = unowned.Select(a => (a.Address, a.Sequence)).ToHashSet();
        foreach (var key in _quarantined.Keys.Where(k => !seen.Contains(k)).ToArray())
        {
            _quarantined.Remove(key);
        }

        var freed = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var address in unowned)
        {
            var key = (address.Address, address.Sequence);
            if (!_quarantined.TryGetValue(key, out var since))
            {
                _quarantined[key] = time.GetTimestamp();
                Log.Quarantine(logger, address.Address, address.Handle, quarantine);
            }
            else if (time.GetElapsedTime(since) >= quarantine && await FreeAsync(address, ct))
            {
                _quarantined.Remove(key);
                freed.Add(address.Address);
                Log.Freed(logger, address.Address, address.Handle, address.Lease.BoundTo?.ToString());
            }
        }

        return (report, freed.ToImmutable());
    }

    /// <summary>Only what was bound here is judged here: unbound leases end by age, Scheduler and Foreign leases by their owners.</summary>
    private bool IsUnowned(AuditedAddress address, ImmutableHashSet<IPAddress>? linked, ImmutableDictionary<string, LiveReport?> live)
    {
        var lease = address.Lease;
        if (address.Node != nodeName || lease.BoundTo is not { } endpoint || lease.Purpose != LeasePurpose.Endpoint
            || !address.UsedBy.IsEmpty
            || address.IsCooling || linked is null || linked.Contains(address.Address))
        {
            return false;
        }

        return live.GetValueOrDefault(lease.Adapter) is not { } report
            || (report.Complete && report.Endpoints.All(e => e.Id != endpoint) && !report.Addresses.Contains(address.Address));
    }

    private static AuditFinding? Missing(AuditedAddress address, ImmutableHashSet<IPAddress>? linked,
        ImmutableDictionary<string, LiveReport?> live)
    {
        if (linked?.Contains(address.Address) == false && address.Lease.BoundTo is not null)
        {
            return new(AuditProblem.LinkMissing, address.Address.ToString(), $"{address.UsedBy[0]} has it, and no link of this node",
                address.Address);
        }

        return live.GetValueOrDefault(address.Lease.Adapter) is { Complete: true } report && address.Lease.BoundTo is { } endpoint
            && report.Endpoints.All(e => e.Id != endpoint)
            ? new(AuditProblem.NotLive, address.Address.ToString(),
                $"{address.UsedBy[0]} has it, and {address.Lease.Adapter} does not run it", address.Address)
            : null;
    }

    private async Task<ImmutableDictionary<string, LiveReport?>> LiveAsync(IpamReport report, CancellationToken ct)
    {
        var live = ImmutableDictionary.CreateBuilder<string, LiveReport?>(StringComparer.Ordinal);
        foreach (var adapter in report.Addresses.Where(a => a.Node == nodeName).Select(a => a.Lease.Adapter).Where(a => a.Length > 0)
            .Distinct())
        {
            live[adapter] = await sources.LiveAsync(adapter, ct);
        }

        return live.ToImmutable();
    }

    private async Task<bool> FreeAsync(AuditedAddress address, CancellationToken ct)
    {
        await leases.FreeAsync(address.Lease, ct);
        return await leases.FindAsync(address.Address, ct) is not { } after || after.Sequence != address.Lease.Sequence;
    }

    private static partial class Log
    {
        [LoggerMessage(3100, LogLevel.Warning,
            "address {Address} of handle {Handle} belongs to nobody; it is freed if that is still so in {Quarantine}")]
        public static partial void Quarantine(ILogger logger, IPAddress address, string handle, TimeSpan quarantine);

        [LoggerMessage(3101, LogLevel.Information, "freed address {Address} of handle {Handle}, which was bound to {Endpoint}")]
        public static partial void Freed(ILogger logger, IPAddress address, string handle, string? endpoint);
    }
}
