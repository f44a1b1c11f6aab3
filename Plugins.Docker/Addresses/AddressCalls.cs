using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Endpoints;
using Calico.Plugins.Docker.Networks;
using Calico.Plugins.Docker.Protocol;
using Calico.Plugins.Docker.Serving;

namespace Calico.Plugins.Docker.Addresses;

/// <summary>Addresses before there is an endpoint, with nothing in common with it but themselves.</summary>
internal sealed class AddressCalls(
    IIpam ipam, NetworkBook book, PoolCalls pools, FreedAddresses freed, EndpointRemoval removal, CallingProcess calling,
    IDockerDaemon daemon, TimeProvider time)
{
    private const string TypeKey = "RequestAddressType";
    private const string GatewayType = "com.docker.network.gateway";

    /// <summary>dockerd waits for our answer meanwhile.</summary>
    private static readonly TimeSpan DaemonPatience = TimeSpan.FromMilliseconds(500);

    private static readonly ImmutableSortedDictionary<string, string> Nothing = ImmutableSortedDictionary<string, string>.Empty;

    public Task<AddressAnswer> RequestAsync(AddressRequest request, CancellationToken ct)
    {
        var pool = PoolId.Parse(request.PoolId);
        var address = string.IsNullOrEmpty(request.Address) ? null : Fields.Address(request.Address, "Address");
        if (address is not null && address.AddressFamily != pool.Pool.BaseAddress.AddressFamily)
        {
            throw new CalicoException(Problem.Invalid, $"{address} is not of the family of {pool.Pool}", "Address");
        }

        return IsForGateway(request) ? GatewayAsync(pool, address, ct) : EndpointAsync(pool, address, ct);
    }

    /// <summary>Always done: what is not there is released, and what an endpoint has goes with it. A dockerd that was killed knows nothing
    /// of the endpoints of containers that died meanwhile; it releases their addresses alone.</summary>
    public async Task<Done> ReleaseAsync(AddressRelease request, CancellationToken ct)
    {
        _ = PoolId.Parse(request.PoolId);
        var address = Fields.Address(request.Address ?? "", "Address");
        if (freed.Take(address) || await ipam.FindOwnAsync(address, ct) is not { } lease)
        {
            return Done.Answer;
        }

        if (lease.BoundTo is null)
        {
            await ipam.ReleaseAsync(lease, ct);
        }
        else
        {
            await removal.TryEndLostAsync(lease.BoundTo, ct);
        }

        return Done.Answer;
    }

    private static bool IsForGateway(AddressRequest request) =>
        request.Options?.GetValueOrDefault(TypeKey) is { ValueKind: JsonValueKind.String } type && type.GetString() == GatewayType;

    /// <summary>Our gateways are link-local, so an address that a user names for one is only kept from others; where no pool has it, or it
    /// is the pool's own number, there is nobody to keep it from.</summary>
    private async Task<AddressAnswer> GatewayAsync(PoolId pool, IPAddress? address, CancellationToken ct)
    {
        if (address is null)
        {
            return new((pool.Range ?? pool.Pool).ToString(), Nothing);
        }

        pools.NoteGateway(pool, address);
        if (address.Equals(pool.Pool.BaseAddress) || !(await ipam.ListPoolsAsync(ct)).Any(p => Has(p, address)))
        {
            return new(Fields.Host(address).ToString(), Nothing);
        }

        return Answer(await ipam.ClaimAsync(
            new()
            {
                Handle = AskedLease.HandleOfGateway(address, calling.Current),
                Purpose = LeasePurpose.Network,
                Owner = pool.ToString(),
                Exact = [address],
            },
            ct));
    }

    private async Task<AddressAnswer> EndpointAsync(PoolId pool, IPAddress? address, CancellationToken ct)
    {
        if (address is not null)
        {
            RefuseOutside(pool, address);
            await RefuseTakenAsync(address, ct);
            return await ExactAsync(Claim(pool) with { Exact = [address] }, address, ct);
        }

        var there = await ipam.ListPoolsAsync(ct);
        for (var (next, beside) = (pool, ImmutableQueue.CreateRange(book.Beside(pool))); ;)
        {
            try
            {
                return Answer(await ipam.ClaimAsync(Any(next, there), ct));
            }
            catch (CalicoException e) when (e.Problem == Problem.Exhausted && !beside.IsEmpty)
            {
                // dockerd turns to the next subnet only on an error of its own, which no driver can send.
                beside = beside.Dequeue(out next);
            }
        }
    }

    /// <summary>An address that was given and that no endpoint here has is given again: dockerd was killed between two calls. Beside a
    /// network of another driver with the same subnet it may be a container's there, whose endpoint only dockerd knows.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: it is.</exception>
    private async Task RefuseTakenAsync(IPAddress address, CancellationToken ct)
    {
        if (await ipam.FindOwnAsync(address, ct) is not { BoundTo: null, Purpose: LeasePurpose.Endpoint })
        {
            return;
        }

        using var timeUp = new CancellationTokenSource(DaemonPatience, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            if ((await daemon.ListTakenAsync(patience.Token)).Contains(address))
            {
                throw new CalicoException(Problem.AlreadyExists, $"{address} is a container's already, of a network of this subnet",
                    "--ip");
            }
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is DaemonException or OperationCanceledException)
        {
            // A dockerd that starts answers nobody, and asks for what its own containers had.
        }
    }

    /// <summary>An endpoint whose link is gone keeps its address from nobody.</summary>
    private async Task<AddressAnswer> ExactAsync(AddressClaim claim, IPAddress address, CancellationToken ct)
    {
        try
        {
            return Answer(await ipam.ClaimAsync(claim, ct));
        }
        catch (CalicoException e) when (e.Problem is Problem.AlreadyExists or Problem.Conflict)
        {
            if (await ipam.FindOwnAsync(address, ct) is not { BoundTo: { } owner } || !await removal.TryEndLostAsync(owner, ct))
            {
                throw;
            }
        }

        return Answer(await ipam.ClaimAsync(claim, ct));
    }

    private AddressClaim Any(PoolId pool, ImmutableArray<AddressPool> pools)
    {
        var claim = Claim(pool) with { Ipv4 = pool.IsIpv6 ? 0 : 1, Ipv6 = pool.IsIpv6 ? 1 : 0 };
        if (pool.IsAny)
        {
            return claim with { Within = pool.Range };
        }

        // By its range: a pool may be called otherwise by now, and a subnet may be a part of one.
        var whole = pools.FirstOrDefault(p => PoolId.Contains(p.Cidr, pool.Pool)) ?? throw new CalicoException(Problem.NotFound,
            $"the network takes addresses of {pool.Pool}, and no pool has that any more", "--subnet");
        return claim with { Pools = [whole.Cidr.ToString()], Within = pool.Range ?? (whole.Cidr.Equals(pool.Pool) ? null : pool.Pool) };
    }

    /// <summary>Each request is one of its own: dockerd never asks twice for the same.</summary>
    private AddressClaim Claim(PoolId pool) => new()
    {
        Handle = AskedLease.NewHandle(calling.Current),
        // A pool that no network of ours has is another driver's, or of a network that is just being made.
        Purpose = book.IsOurs(pool) ? LeasePurpose.Endpoint : LeasePurpose.Foreign,
        Owner = AskedLease.OwnerIn(pool),
    };

    private static void RefuseOutside(PoolId pool, IPAddress address)
    {
        if (!pool.Pool.Contains(address))
        {
            throw new CalicoException(Problem.Invalid, $"{address} is not inside {pool.Pool}", "--ip");
        }
    }

    private static bool Has(AddressPool pool, IPAddress address) =>
        pool.Cidr.BaseAddress.AddressFamily == address.AddressFamily && pool.Cidr.Contains(address);

    private static AddressAnswer Answer(ImmutableArray<AddressLease> leases) => new(Fields.Host(leases[0].Address).ToString(), Nothing);
}
