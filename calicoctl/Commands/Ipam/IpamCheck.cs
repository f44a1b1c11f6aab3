using Calico.Cli.Connection;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary>Compares blocks, handles, affinities, pools, nodes and endpoints with each other in upstream's phases and words, and asks the
/// host on this machine what its kernel says.</summary>
internal sealed class IpamCheck(CliEnvironment environment, CliSession session, bool showAll, bool showProblems)
{
    /// <summary>Checks and prints.</summary>
    /// <returns>How many things do not agree.</returns>
    internal async Task<int> RunAsync(CancellationToken ct)
    {
        Say("Checking IPAM for inconsistencies...");
        Say("");
        var all = await IpamSnapshot.ReadAsync(session.Store, null, ct);
        var snapshot = all with { Pools = [.. all.Pools.Where(pool => !pool.Disabled)] };
        SayBlocks(snapshot);
        SayPools(snapshot);
        Say("Loading all nodes.");
        var tunnels = await AuditedEndpoints.OfTunnelsAsync(session.Client, ct);
        Say($"Found {tunnels.Sum(tunnel => tunnel.Addresses.Length)} node tunnel IPs.");
        Say("");
        Say("Loading all workload endpoints.");
        var workloads = await AuditedEndpoints.OfWorkloadsAsync(session.Client, ct);
        Say($"Found {workloads.Sum(endpoint => endpoint.Addresses.Length)} workload IPs.");
        Say($"Workloads and nodes are using {tunnels.Concat(workloads).SelectMany(user => user.Addresses).Distinct().Count()} IPs.");
        Say("");

        var report = IpamReport.Of(snapshot, [.. tunnels, .. workloads]);
        SayFindings(report, snapshot);
        var problems = report.Findings.Count(finding => finding.Problem != AuditProblem.OutsidePools) + await AskHostAsync(ct);
        Say($"Check complete; found {problems} problems.");
        return problems;
    }

    /// <summary>Checks, and prints nothing.</summary>
    internal async Task<IpamVerdict> JudgeAsync(CancellationToken ct)
    {
        var all = await IpamSnapshot.ReadAsync(session.Store, null, ct);
        var snapshot = all with { Pools = [.. all.Pools.Where(pool => !pool.Disabled)] };
        var tunnels = await AuditedEndpoints.OfTunnelsAsync(session.Client, ct);
        var workloads = await AuditedEndpoints.OfWorkloadsAsync(session.Client, ct);
        var report = IpamReport.Of(snapshot, [.. tunnels, .. workloads]);
        var (host, away) = await ReadHostAsync(ct);
        return new(report.Findings, host, away,
            [("pool", snapshot.Pools.Length), ("block", snapshot.Blocks.Length), ("node", tunnels.Length), ("endpoint", workloads.Length)]);
    }

    private void SayBlocks(IpamSnapshot snapshot)
    {
        Say("Loading all IPAM blocks...");
        Say($"Found {snapshot.Blocks.Length} IPAM blocks.");
        foreach (var block in snapshot.Blocks)
        {
            Say($" IPAM block {block.Cidr} affinity={block.Affinity ?? "<none>"}:");
        }

        Say($"IPAM blocks record {snapshot.Blocks.Sum(block => block.AllocatedOrdinals.Count(o => block.AttributeOf(o) is { ReleasedAt: null }))} allocations.");
        Say("");
    }

    private void SayPools(IpamSnapshot snapshot)
    {
        Say("Loading all IPAM pools...");
        foreach (var pool in snapshot.Pools)
        {
            Say($"  {pool.Cidr}");
        }

        Say($"Found {snapshot.Pools.Length} active IP pools.");
        Say("");
    }

    private void SayFindings(IpamReport report, IpamSnapshot snapshot)
    {
        Say("Scanning for IPs that are allocated but not actually in use...");
        Say($"Found {Details(report, AuditProblem.Leaked, AuditProblem.EndpointMissing)} IPs that are allocated "
            + "in IPAM but not actually in use.");
        Say("Scanning for IPs that are in use by a workload or node but not allocated in IPAM...");
        Say($"Found {Details(report, AuditProblem.OutsidePools)} in-use IPs that are not in active IP pools.");
        Say($"Found {Details(report, AuditProblem.NotAllocated)} in-use IPs that are in active IP pools but have "
            + "no corresponding IPAM allocation.");
        Say($"Found {Details(report, AuditProblem.UsedTwice, AuditProblem.BoundElsewhere)} IPs that two have, or another than IPAM says.");
        Say("");
        foreach (var address in showAll ? report.Addresses.Where(address => !address.IsCooling) : [])
        {
            Say($"  {address.Address} {(address.UsedBy.IsEmpty ? "not in use" : "in use")}; handle '{address.Handle}'");
        }

        Say("Loading all handles");
        Say($"Found {snapshot.Handles.Count} handles; {Details(report, AuditProblem.HandleDisagrees)} times "
            + "blocks and handles do not agree.");
        Say($"Found {Details(report, AuditProblem.AffinityDisagrees)} times that blocks and affinities do not agree.");
        if (report.Findings.Any(finding => finding.Problem == AuditProblem.BlocksOverlap))
        {
            Say($"Found {Details(report, AuditProblem.BlocksOverlap)} blocks that lie in another.");
        }

        if (!snapshot.Damaged.IsEmpty)
        {
            Say($"Found {Details(report, AuditProblem.BlockDamaged)} values that cannot be read.");
        }

        Say("");
    }

    private async Task<int> AskHostAsync(CancellationToken ct)
    {
        Say("Asking this node's host...");
        var (lines, away) = await ReadHostAsync(ct);
        foreach (var line in lines)
        {
            Say($"  {line}");
        }

        Say(away is null ? $"Found {lines.Count} things in which addresses, endpoints and interfaces of this node do not agree."
            : $"Only the datastore was checked: {away}");
        return lines.Count;
    }

    private async Task<(IReadOnlyList<string> Lines, string? Away)> ReadHostAsync(CancellationToken ct)
    {
        try
        {
            return (await HostClient.GetAsync(environment.HostSocket, "/audit", HostJson.Default.StringArray, ct), null);
        }
        catch (HostAwayException e)
        {
            return ([], e.Message);
        }
    }

    private int Details(IpamReport report, params ReadOnlySpan<AuditProblem> problems)
    {
        var found = 0;
        foreach (var finding in report.Findings)
        {
            if (problems.Contains(finding.Problem))
            {
                found++;
                if (showProblems || showAll)
                {
                    Say($"  {finding.Subject}: {finding.Detail}");
                }
            }
        }

        return found;
    }

    private void Say(string line) => environment.Output.WriteLine(line);
}
