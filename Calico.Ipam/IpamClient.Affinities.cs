using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;

namespace Calico.Ipam;

public sealed partial class IpamClient
{
    /// <summary>Each address has a handle, and etcd refuses transactions of more than 128 operations.</summary>
    private const int ReleasedAtOnce = 60;

    /// <summary>Claims every block of a range for a host.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: the range is smaller than a block; <see cref="Problem.NotFound"/>:
    /// it lies in no enabled pool.</exception>
    public async Task<AffinityClaims> ClaimAffinityAsync(Cidr cidr, AffinityOwner owner, CancellationToken ct)
    {
        var pool = await PoolOfAsync(cidr, ct);
        var claimed = ImmutableArray.CreateBuilder<Cidr>();
        var failed = ImmutableArray.CreateBuilder<Cidr>();
        foreach (var block in BlocksOf(cidr, pool.BlockSize))
        {
            var isOurs = await ChangeAsync(async (change, token) =>
            {
                var existing = await change.BlockAsync(block, token);
                if (existing is not null && existing.Affinity != owner.Text)
                {
                    return false;
                }

                if (existing is null)
                {
                    change.Put(AutoAssignment.NewBlock(block, owner, null, _time.GetUtcNow()));
                }

                if (await change.AffinityAsync(owner, block, token) is not { IsConfirmed: true })
                {
                    await change.PutAffinityAsync(owner, block, IpamAffinityValue.Confirmed, token);
                }

                return true;
            }, ct);
            (isOurs ? claimed : failed).Add(block);
        }

        return new(claimed.ToImmutable(), failed.ToImmutable());
    }

    /// <summary>Takes every block of a range from a host. What is not the host's is left alone.</summary>
    /// <param name="cidr">At least one block.</param>
    /// <param name="owner">The host.</param>
    /// <param name="mustBeEmpty">Refuse a block that is in use; otherwise it goes on without a host.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: a block is in use.</exception>
    public async Task ReleaseAffinityAsync(Cidr cidr, AffinityOwner owner, bool mustBeEmpty, CancellationToken ct)
    {
        var pool = await PoolOfAsync(cidr, ct);
        foreach (var block in BlocksOf(cidr, pool.BlockSize))
        {
            await ReleaseBlockAsync(block, owner, mustBeEmpty, ct);
        }
    }

    /// <summary>Takes all blocks from a host.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: a block is in use; the others are released all the same.
    /// </exception>
    public async Task ReleaseHostAffinitiesAsync(AffinityOwner owner, bool mustBeEmpty, CancellationToken ct)
    {
        CalicoException? first = null;
        foreach (var version in new[] { 4, 6 })
        {
            foreach (var block in await NewChange().AffineBlocksAsync(owner, version, ct))
            {
                try
                {
                    await ReleaseBlockAsync(block, owner, mustBeEmpty, ct);
                }
                catch (CalicoException e) when (e.Problem is Problem.Conflict or Problem.Damaged)
                {
                    first ??= e;
                }
            }
        }

        if (first is not null)
        {
            throw first;
        }
    }

    /// <summary>Takes all blocks of a pool from their hosts.</summary>
    public async Task ReleasePoolAffinitiesAsync(Cidr pool, CancellationToken ct)
    {
        foreach (var block in await NewChange().AllBlocksAsync(pool.Version, ct))
        {
            if (pool.Contains(block) && AffinityOwner.Parse((await NewChange().UsableBlockAsync(block, ct))?.Affinity) is { } owner)
            {
                await ReleaseBlockAsync(block, owner, mustBeEmpty: false, ct);
            }
        }
    }

    /// <summary>Makes sure that a host has a block of each family it asks for (<see cref="AutoAssignRequest.Ipv4"/>,
    /// <see cref="AutoAssignRequest.Ipv6"/> above 0).</summary>
    public async Task<(Cidr? V4, Cidr? V6)> EnsureBlockAsync(AutoAssignRequest request, CancellationToken ct)
    {
        var v4 = request.Ipv4 > 0 ? await ChangeAsync((change, token) => Auto(change).EnsureBlockAsync(request, 4, token), ct) : null;
        var v6 = request.Ipv6 > 0 ? await ChangeAsync((change, token) => Auto(change).EnsureBlockAsync(request, 6, token), ct) : null;
        return (v4, v6);
    }

    /// <summary>Forgets a host: its leases and its reserve, its blocks and its marker. A scheduler's leases are not the host's: a task on
    /// another node may still take them.</summary>
    public async Task RemoveHostAsync(string host, CancellationToken ct)
    {
        await ReleaseLeasesAsync(host, ct);
        await ReleaseHostAffinitiesAsync(new(host), mustBeEmpty: false, ct);
        await _store.CommitAsync(new(new StoreOperation.Delete(IpamKeys.Host(host))), ct);
    }

    /// <summary>Gives back the reserves of nodes that neither exist nor have a host that runs.</summary>
    /// <returns>Those nodes.</returns>
    public async Task<ImmutableArray<string>> ReleaseDeadReservesAsync(CancellationToken ct)
    {
        const string Reserve = "parked.";
        var reserves = (await _store.ListAsync(IpamKeys.Handle(Reserve), 0, ct)).Items.Select(i => i.Key[IpamKeys.Handle(Reserve).Length..])
            .ToArray();
        var dead = ImmutableArray.CreateBuilder<string>();
        foreach (var node in reserves)
        {
            if (await _store.GetAsync(Kinds.Node.Path(Kinds.Node.Key(node)), 0, ct) is null
                && await _store.GetAsync(NodeHeartbeat.Key(node), 0, ct) is null)
            {
                await ReleaseByHandleAsync(Reserve + node, ct);
                dead.Add(node);
            }
        }

        return dead.ToImmutable();
    }

    private async Task ReleaseLeasesAsync(string host, CancellationToken ct)
    {
        foreach (var cidr in (await NewChange().AllBlocksAsync(4, ct)).Concat(await NewChange().AllBlocksAsync(6, ct)))
        {
            while (await ChangeAsync(async (change, token) =>
            {
                if (await change.UsableBlockAsync(cidr, token) is not { } block)
                {
                    return false;
                }

                ReleaseRequest[] ofHost = [.. block.AllocatedOrdinals.Where(o => IsOf(host, block, o)).Take(ReleasedAtOnce)
                    .Select(o => new ReleaseRequest(block.AddressOf(o)))];
                await Exact(change).ApplyAsync(block.Release(ofHost), token);
                return ofHost.Length == ReleasedAtOnce;
            }, ct))
            {
            }
        }
    }

    private static bool IsOf(string host, AllocationBlock block, int ordinal)
    {
        var lease = LeaseRecord.From(block, ordinal);
        return block.AttributeOf(ordinal) is { ReleasedAt: null } attribute && LeaseRecord.NodeOf(attribute) == host
            && !(lease.Purpose == LeasePurpose.Scheduler && lease.Bound is null);
    }

    /// <summary>Blocks that a host has affinities to.</summary>
    public Task<ImmutableArray<Cidr>> AffineBlocksAsync(AffinityOwner owner, int ipVersion, CancellationToken ct) =>
        NewChange().AffineBlocksAsync(owner, ipVersion, ct);

    /// <summary>All blocks of a family that can be read, in key order.</summary>
    public async Task<ImmutableArray<AllocationBlock>> BlocksAsync(int ipVersion, CancellationToken ct)
    {
        var change = NewChange();
        var blocks = ImmutableArray.CreateBuilder<AllocationBlock>();
        foreach (var cidr in await change.AllBlocksAsync(ipVersion, ct))
        {
            if (await change.UsableBlockAsync(cidr, ct) is { } block)
            {
                blocks.Add(block);
            }
        }

        return blocks.ToImmutable();
    }

    private static IEnumerable<Cidr> BlocksOf(Cidr range, int blockSize)
    {
        var step = UInt128.One << (range.AddressBits - blockSize);
        for (var first = range.First; ; first += step)
        {
            var block = new Cidr(range.IsIpv6, first, blockSize);
            yield return block;
            if (block.Last >= range.Last)
            {
                yield break;
            }
        }
    }

    private async Task ReleaseBlockAsync(Cidr cidr, AffinityOwner owner, bool mustBeEmpty, CancellationToken ct) =>
        await ChangeAsync(async (change, token) =>
        {
            var block = await change.BlockAsync(cidr, token);
            if (block is null || block.Affinity != owner.Text)
            {
                await change.DeleteAffinityAsync(owner, cidr, token);
                return true;
            }

            if (mustBeEmpty && !block.IsEmpty)
            {
                throw new CalicoException(Problem.Conflict, $"block {cidr} is not empty");
            }

            await AffinityRelease.ReleaseAsync(change, owner, block, token);
            return true;
        }, ct);

    private async Task<IpamPool> PoolOfAsync(Cidr cidr, CancellationToken ct)
    {
        var pool = (await _facts.PoolsAsync(ct)).FirstOrDefault(p => !p.Disabled && p.Cidr.Contains(cidr))
            ?? throw new CalicoException(Problem.NotFound, $"The requested CIDR ({cidr}) is not within any configured pools.");
        return cidr.PrefixLength <= pool.BlockSize
            ? pool
            : throw new CalicoException(Problem.Invalid, $"The requested CIDR ({cidr}) is smaller than the minimum.");
    }
}
