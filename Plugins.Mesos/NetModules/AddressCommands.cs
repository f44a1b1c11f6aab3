using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Mesos.Containers;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>net-modules' IPAM: allocate, reserve, release.</summary>
internal sealed partial class AddressCommands(AddressLeases leases, IIpam ipam, TimeProvider time, ILogger<AddressCommands> log)
{
    /// <summary>An undo has its own time.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(5);

    public async Task<ImmutableArray<IPAddress>> AllocateAsync(Arguments args, CancellationToken ct)
    {
        args.Expect("hostname");
        var (ipv4, ipv6) = (args.Count("num_ipv4"), args.Count("num_ipv6"));
        var uid = UidOf(args.Text("uid"));
        foreach (var (count, name) in new[] { (ipv4, "num_ipv4"), (ipv6, "num_ipv6") })
        {
            if (count > AddressLeases.MaxCount)
            {
                throw new NetModulesException($"{name} is {count}; at most {AddressLeases.MaxCount} can be");
            }
        }

        var asked = StaticAddresses.Of(args.Labels());
        // What the uid had is its own, whatever comes of this call.
        var before = asked.IsEmpty ? [] : (await leases.ListAsync(uid, ct)).Select(l => l.Address).ToHashSet();
        await ReserveAsync(uid, asked, ct);
        try
        {
            var chosen = await leases.AllocateAsync(uid, Math.Max(ipv4 - asked.Length, 0), ipv6, [], keep: false, ct);
            return [.. chosen, .. asked];
        }
        catch
        {
            await UndoAsync([.. asked.Where(a => !before.Contains(a))]);
            throw;
        }
    }

    public async Task ReserveAsync(Arguments args, CancellationToken ct)
    {
        args.Expect("hostname");
        var uid = UidOf(args.Text("uid"));
        await ReserveAsync(uid, args.AddressesOfBoth(), ct);
    }

    /// <summary>An address of an endpoint is freed with it: net-modules releases before it cleans up.</summary>
    public async Task ReleaseAsync(Arguments args, CancellationToken ct)
    {
        var (uid, ips) = (args.TextOrNull("uid"), args.Addresses("ips"));
        if (uid is null && ips.IsEmpty)
        {
            throw new NetModulesException("Must supply either uid or ips.");
        }

        if (uid is null)
        {
            await leases.ReleaseAsync(ips, ct);
        }
        else if (ips.IsEmpty)
        {
            await leases.ReleaseAsync(UidOf(uid), ct);
        }
        else
        {
            throw new NetModulesException("Supply either uid or ips, not both.");
        }
    }

    /// <summary>Any free one, for Mesos 0.23, which names no owner.</summary>
    public async Task<IPAddress> ChooseAsync(CancellationToken ct) =>
        (await leases.AllocateAsync(Guid.NewGuid().ToString(), 1, 0, [], keep: false, ct))[0];

    private async Task ReserveAsync(string uid, ImmutableArray<IPAddress> addresses, CancellationToken ct)
    {
        try
        {
            await leases.ReserveAsync(uid, addresses, keep: false, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
        {
            foreach (var address in addresses)
            {
                if (await ipam.FindAsync(address, ct) is { } held && held.Owner != uid)
                {
                    throw new NetModulesException($"IP '{address}' already in use.");
                }
            }

            throw;
        }
    }

    private async Task UndoAsync(ImmutableArray<IPAddress> reserved)
    {
        using var limit = new CancellationTokenSource(UndoTime, time);
        try
        {
            await leases.ReleaseAsync(reserved, limit.Token);
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            // Free again after ten minutes, as whatever nobody binds.
            Log.NotUndone(log, string.Join(' ', reserved), e.Message);
        }
    }

    private static string UidOf(string uid) => AddressLeases.IsUid(uid) ? uid : throw new NetModulesException($"Invalid UID: {uid}");

    private static partial class Log
    {
        [LoggerMessage(7327, LogLevel.Warning, "Addresses of an allocate that failed are not released yet ({Addresses}): {Reason}")]
        public static partial void NotUndone(ILogger log, string addresses, string reason);
    }
}
