using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Before a container's process is there: addresses and endpoints.</summary>
internal sealed partial class ContainerPreparation(ContainerBook book, ContainerState states, ContainerRemoval removal, Netgroups netgroups,
    AddressLeases leases, IWorkloadDataplane dataplane, TimeProvider time, ILogger<ContainerPreparation> log)
{
    /// <summary>An undo has its own time.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    /// <summary>A nested container without networks shares its parent's; another without any is not ours.</summary>
    /// <param name="id">Whose.</param>
    /// <param name="networks">Checked.</param>
    /// <param name="agent">Which agent's; may be empty.</param>
    /// <param name="ct">Cancels.</param>
    public Task<ContainerView> PrepareAsync(ContainerPath id, ImmutableArray<NetworkRequest> networks, string agent,
        CancellationToken ct) =>
        PrepareAsync(id, networks, agent, null, 0, ct);

    /// <summary>Likewise, of a container whose process is known already, so that this and that it is isolated are one commit.</summary>
    public async Task<ContainerView> PrepareAsync(ContainerPath id, ImmutableArray<NetworkRequest> networks, string agent,
        ProcessIdentity? process, ulong namespaceIdentity, CancellationToken ct)
    {
        using var turn = await book.EnterAsync(id.Text, ct);
        if (book.IsEnding(id.Text))
        {
            throw new CalicoException(Problem.Unavailable, $"container {id} is being cleaned up", "container_id");
        }

        var shares = networks.IsEmpty ? NetworkAbove(id) : null;
        if (book.Find(id.Text) is { } before)
        {
            if (!NetworkRequest.AreSame(before.Networks, networks))
            {
                throw new CalicoException(Problem.AlreadyExists,
                    $"container {id} is prepared already, with other networks", "container_id");
            }

            return await FinishAsync(before, isNew: false, ct);
        }

        var record = new ContainerRecord
        {
            Id = id.Text, Agent = agent, Networks = networks, SharesNetworkOf = shares, Since = time.GetUtcNow(),
            Process = process?.ToString(), NamespaceIdentity = namespaceIdentity,
        };
        if (networks.IsEmpty && shares is null)
        {
            return new(record, []);
        }

        // What is asked of the kernel and of IPAM is known to a later process before it is asked.
        await book.PutAsync(record, ct);
        return await FinishAsync(record, isNew: true, ct);
    }

    private async Task<ContainerView> FinishAsync(ContainerRecord record, bool isNew, CancellationToken ct)
    {
        var stood = new List<AddressLease>();
        try
        {
            foreach (var (name, network) in record.Interfaces)
            {
                var leased = network.LeaseUid.Length > 0 ? await LeasedAsync(network.LeaseUid, ct) : [];
                stood.AddRange(leased);
                await PrepareAsync(record, name, network, [.. leased.Select(l => l.Address)], ct);
            }
        }
        catch when (isNew)
        {
            await removal.UndoAsync(record);
            await RestoreAsync(record, [.. stood]);
            throw;
        }

        return await states.ViewAsync(record, ct);
    }

    private async Task PrepareAsync(ContainerRecord record, string name, NetworkRequest network, ImmutableArray<IPAddress> leased,
        CancellationToken ct)
    {
        // net-modules' addresses are whoever's it names.
        var exact = network.IsNetModules ? [] : network.ExactAddresses;
        var spec = await SpecOf(record, name, network, network.IsNetModules ? network.ExactAddresses : leased, ct);
        var own = ContainerPath.HandleOf(record.Id, name);
        using var taken = await leases.TakeAsync(exact, handle => handle == own, "network_infos.ip_addresses", ct);
        await dataplane.PrepareAsync(spec, ct);
    }

    /// <summary>An endpoint's addresses go with it; those of a uid stood before there was one.</summary>
    private async Task RestoreAsync(ContainerRecord record, ImmutableArray<AddressLease> stood)
    {
        using var limit = new CancellationTokenSource(UndoTime, time);
        try
        {
            await leases.RestoreAsync(stood, limit.Token);
        }
        catch (Exception e) when (e is CalicoException or OperationCanceledException)
        {
            Log.NotRestored(log, record.Id, string.Join(' ', stood.Select(l => l.Address)), e.Message);
        }
    }

    private async Task<EndpointSpec> SpecOf(ContainerRecord record, string name, NetworkRequest network, ImmutableArray<IPAddress> leased,
        CancellationToken ct)
    {
        var ports = network.PublishedPorts;
        return new()
        {
            Id = ContainerPath.EndpointOf(record.Id, name),
            Instance = record.Id,
            Network = network.Name,
            Profiles = await netgroups.EnsureAsync(Netgroups.Of(network), ports, ct),
            Labels = TaskLabels.Of(network.Labels),
            Leased = leased,
            Claim = leased.IsEmpty ? ClaimOf(record.Id, name, network) : null,
            Ports = ports,
            NamespaceGroup = record.Id,
            Facts = ImmutableSortedDictionary<string, string>.Empty.Add("containerID", record.Id),
        };
    }

    private static AddressClaim ClaimOf(string container, string name, NetworkRequest network) => new()
    {
        Handle = ContainerPath.HandleOf(container, name),
        Purpose = LeasePurpose.Endpoint,
        Owner = container,
        Ipv4 = network.Ipv4,
        Ipv6 = network.Ipv6,
        Exact = network.ExactAddresses,
        Pools = network.Pools,
    };

    private async Task<ImmutableArray<AddressLease>> LeasedAsync(string uid, CancellationToken ct) =>
        await leases.ListAsync(uid, ct) is { IsEmpty: false } found
            ? [.. found.OrderBy(l => AddressLeases.IsIpv4(l.Address) ? 0 : 1)]
            : throw new CalicoException(Problem.NotFound, $"nothing is allocated or reserved under uid '{uid}'", "lease_uid");

    /// <summary>The nearest container above that has a network of ours.</summary>
    private string? NetworkAbove(ContainerPath id)
    {
        for (var above = id.Parent; above is not null; above = above.Parent)
        {
            if (book.Find(above.Text) is { } parent)
            {
                return parent.SharesNetworkOf ?? parent.Id;
            }
        }

        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(7305, LogLevel.Warning,
            "Container {Container} was not prepared, and what was leased before could not be taken again ({Addresses}): {Reason}")]
        public static partial void NotRestored(ILogger log, string container, string addresses, string reason);
    }
}
