using System.Collections.Immutable;
using System.Net;
using Calico.Plugins.Mesos.Containers;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>net-modules' IPAM: allocate, reserve, release.</summary>
internal sealed class AddressCommands(AddressLeases leases, IIpam ipam)
{
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
        await ReserveAsync(uid, asked, ct);
        var chosen = await leases.AllocateAsync(uid, Math.Max(ipv4 - asked.Length, 0), ipv6, [], keep: false, ct);
        return [.. chosen, .. asked];
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

    private static string UidOf(string uid) => AddressLeases.IsUid(uid) ? uid : throw new NetModulesException($"Invalid UID: {uid}");
}
