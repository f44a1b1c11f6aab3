using System.Collections.Immutable;
using Calico.Plugins.Mesos.Containers;
using Calico.Plugins.Mesos.V1;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>The isolator's calls, from message to message. Errors are <see cref="CalicoException"/>s.</summary>
internal sealed class IsolatorCalls(ContainerPreparation preparation, ContainerIsolation isolation, ContainerState states,
    ContainerUpdate updates,
    ContainerRecovery recovery, ContainerRemoval removal, AddressLeases leases)
{
    public async Task<RecoverResponse> RecoverAsync(RecoverRequest request, CancellationToken ct)
    {
        var live = request.Containers.Select(c => MessageReader.Container(c.ContainerId, "containers.container_id")).ToImmutableArray();
        var outcome = await recovery.RecoverAsync(live, MessageReader.Agent(request.Agent), ct);
        return new()
        {
            Adopted = { outcome.Adopted.Select(MessageWriter.Status) },
            Collected = { outcome.Collected.Select(MessageWriter.Id) },
            NotCollected =
            {
                outcome.NotCollected.Select(n =>
                    new RecoverResponse.Types.NotCollected { ContainerId = MessageWriter.Id(n.Id), Reason = n.Reason }),
            },
            Unknown = { outcome.Unknown.Select(MessageWriter.Id) },
        };
    }

    public async Task<PrepareResponse> PrepareAsync(PrepareRequest request, CancellationToken ct)
    {
        var view = await preparation.PrepareAsync(MessageReader.Container(request.ContainerId),
            MessageReader.Networks(request.NetworkInfos, withAddresses: true), MessageReader.Agent(request.Agent), ct);
        var response = new PrepareResponse
        {
            Managed = view.IsManaged,
            NetworkInfos = { view.Interfaces.Select(i => MessageWriter.Network(i.Network, i.Endpoint)) },
        };
        // IPv4 first: what a libprocess of those days can read.
        var addresses = view.Interfaces.SelectMany(i => i.Endpoint?.Addresses ?? []).Select(a => a.BaseAddress).ToList();
        if ((addresses.Find(AddressLeases.IsIpv4) ?? addresses.FirstOrDefault()) is { } first)
        {
            response.Environment.Add("LIBPROCESS_IP", first.ToString());
        }

        if (view.IsManaged && view.Record.SharesNetworkOf is null)
        {
            response.CloneNamespaces.Add("NEWNET");
        }

        return response;
    }

    public async Task<IsolateResponse> IsolateAsync(IsolateRequest request, CancellationToken ct)
    {
        var (id, pid) = (MessageReader.Container(request.ContainerId), MessageReader.Pid(request.Pid));
        return new() { Status = MessageWriter.Status(await isolation.IsolateAsync(id, pid, request.StartTime, ct)) };
    }

    public async Task<UpdateResponse> UpdateAsync(UpdateRequest request, CancellationToken ct)
    {
        var changes = MessageReader.Networks(request.NetworkInfos, withAddresses: false);
        var ignored = await updates.UpdateAsync(MessageReader.Container(request.ContainerId), changes, ct);
        var addresses = request.NetworkInfos.Where(n => n.IpAddresses.Count > 0 || n.Pools.Count > 0 || n.LeaseUid.Length > 0)
            .Select(n => $"network_infos '{n.Name}': the addresses of a container do not change");
        return new()
        {
            Ignored = { request.Resources.Keys.Order(StringComparer.Ordinal).Select(r => $"resources: {r} changes no network"), ignored,
                addresses },
        };
    }

    public async Task<UsageResponse> UsageAsync(UsageRequest request, CancellationToken ct) =>
        MessageWriter.Usage(await states.UsageAsync(MessageReader.Container(request.ContainerId), ct));

    public async Task<StatusResponse> StatusAsync(StatusRequest request, CancellationToken ct) =>
        new() { Status = MessageWriter.Status(await states.StatusAsync(MessageReader.Container(request.ContainerId), ct)) };

    public async Task<CleanupResponse> CleanupAsync(CleanupRequest request, CancellationToken ct)
    {
        await removal.CleanupAsync(MessageReader.Container(request.ContainerId), ct);
        return new();
    }

    public async Task<AllocateResponse> AllocateAsync(AllocateRequest request, CancellationToken ct)
    {
        var (uid, ipv4, ipv6) = (MessageReader.Uid(request.Uid), MessageReader.Count(request.NumIpv4, "num_ipv4"),
            MessageReader.Count(request.NumIpv6, "num_ipv6"));
        if (ipv4 + ipv6 == 0)
        {
            throw new CalicoException(Problem.Invalid, "num_ipv4 and num_ipv6 are both 0", "num_ipv4");
        }

        var addresses = await leases.AllocateAsync(uid, ipv4, ipv6, [.. request.Pools], request.Keep, ct);
        return new()
        {
            Ipv4 = { addresses.Where(AddressLeases.IsIpv4).Select(a => a.ToString()) },
            Ipv6 = { addresses.Where(a => !AddressLeases.IsIpv4(a)).Select(a => a.ToString()) },
        };
    }

    public async Task<ReserveResponse> ReserveAsync(ReserveRequest request, CancellationToken ct)
    {
        var (uid, addresses) = (MessageReader.Uid(request.Uid), MessageReader.Addresses(request.Addresses, "addresses"));
        if (addresses.IsEmpty)
        {
            throw new CalicoException(Problem.Invalid, "addresses: are missing", "addresses");
        }

        await leases.ReserveAsync(uid, addresses, request.Keep, ct);
        return new();
    }

    public async Task<ReleaseResponse> ReleaseAsync(ReleaseRequest request, CancellationToken ct)
    {
        var addresses = MessageReader.Addresses(request.Addresses, "addresses");
        if (addresses.IsEmpty == (request.Uid.Length == 0))
        {
            throw new CalicoException(Problem.Invalid, "a uid or addresses are released, one of them", "uid");
        }

        var done = addresses.IsEmpty
            ? await leases.ReleaseAsync(MessageReader.Uid(request.Uid), ct)
            : await leases.ReleaseAsync(addresses, ct);
        return new()
        {
            Released = { done.Released.Select(a => a.ToString()) },
            Deferred = { done.Deferred.Select(a => a.ToString()) },
            NotReleased = { done.NotYours.Select(a => a.ToString()) },
        };
    }
}
