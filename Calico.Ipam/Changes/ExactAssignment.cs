using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>Assignment and release of addresses that the caller names, within one change.</summary>
internal sealed class ExactAssignment(IpamChange change, IIpamFacts facts, TimeProvider time)
{
    /// <summary>Assigns one address. Selectors, reservations and block limits do not apply, as upstream.</summary>
    /// <returns>Its block.</returns>
    public async Task<AllocationBlock> AssignAsync(AssignRequest request, CancellationToken ct)
    {
        var pool = await PoolForAsync(request.Address, request.Use, ct);
        var (config, owner) = (await facts.ConfigAsync(ct), AutoAssignment.OwnerOf(request.Host, request.Use));
        var block = await BlockAsync(pool, request.Address, owner, ct);
        if (config.IpCooldownSeconds > 0)
        {
            block = block.CollectCooled(time.GetUtcNow(), TimeSpan.FromSeconds(config.IpCooldownSeconds));
        }

        if (block.RefusalFor(owner.Text, config.StrictAffinity) is { } refusal)
        {
            throw new CalicoException(Problem.Conflict, refusal);
        }

        await RefuseBeyondAsync(request, ct);
        var ordinal = block.OrdinalOf(request.Address)!.Value;
        var attribute = new IpamAttribute { HandleId = request.Handle, Secondary = request.Attributes };
        var assigned = block.AssignOrdinal(ordinal, attribute)
            ?? throw new CalicoException(Problem.AlreadyExists,
                $"resource already exists: {request.Address} with error: Address already assigned in block"
                + $" (held by handle \"{block.AttributeOf(ordinal)?.HandleId}\")");
        change.Put(assigned);
        if (request.Handle is { } handle)
        {
            await change.CountHandleAsync(handle, assigned.Cidr, 1, ct);
        }

        return assigned;
    }

    /// <summary>The pool that an address may be assigned from.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: there is none; <see cref="Problem.Invalid"/>: it is not for that
    /// use.</exception>
    public async Task<IpamPool> PoolForAsync(IPAddress address, IntendedUse use, CancellationToken ct)
    {
        var pool = (await facts.PoolsAsync(ct)).FirstOrDefault(p => !p.Disabled && p.Cidr.Contains(address))
            ?? throw new CalicoException(Problem.NotFound, $"{address}: The provided IP address is not in a configured pool\n");
        return use == IntendedUse.Unspecified || pool.AllowedUses.Contains(use)
            ? pool
            : throw new CalicoException(Problem.Invalid,
                $"IP address {address} is in IP pool \"{pool.Name}\", which is not allowed for use "
                + $"\"{use}\" (allowedUses: [{string.Join(' ', pool.AllowedUses)}])");
    }

    /// <summary>Frees addresses, all or none.</summary>
    /// <returns>Those that were free before.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: one has another owner than its request says.</exception>
    public async Task<ImmutableArray<IPAddress>> ReleaseAsync(IReadOnlyCollection<ReleaseRequest> requests, CancellationToken ct)
    {
        var unallocated = ImmutableArray.CreateBuilder<IPAddress>();
        var byBlock = new Dictionary<Cidr, List<ReleaseRequest>>();
        foreach (var request in requests.DistinctBy(r => r.Address))
        {
            if (await FindBlockAsync(request.Address, ct) is { } block)
            {
                (byBlock.TryGetValue(block, out var list) ? list : byBlock[block] = []).Add(request);
            }
            else
            {
                unallocated.Add(request.Address);
            }
        }

        foreach (var (cidr, wanted) in byBlock.OrderBy(b => b.Key))
        {
            var block = (await change.BlockAsync(cidr, ct))!;
            var release = block.Release(wanted, await CoolingSinceAsync(ct));
            if (release.Refusal is { } refusal)
            {
                throw new CalicoException(Problem.Conflict, refusal);
            }

            unallocated.AddRange(release.Unallocated);
            await ApplyAsync(release, ct);
        }

        return unallocated.ToImmutable();
    }

    /// <summary>Frees every address of a handle.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: no such handle.</exception>
    public async Task ReleaseByHandleAsync(string handle, CancellationToken ct)
    {
        var value = await change.HandleAsync(handle, ct)
            ?? throw new CalicoException(Problem.NotFound, $"resource does not exist: IPAMHandle({handle})");
        foreach (var text in value.Block.Keys)
        {
            if (Cidr.TryParse(text, out var cidr) && await change.BlockAsync(cidr, ct) is { } block)
            {
                await ApplyAsync(block.ReleaseByHandle(handle, null, await CoolingSinceAsync(ct)), ct);
            }
        }

        // Counts that no block bears out go with it.
        if (await change.HandleAsync(handle, ct) is not null)
        {
            change.DeleteHandle(handle);
        }
    }

    /// <summary>Puts a release into the change: handles are counted down, and a block that nobody needs any more vanishes.</summary>
    public async Task ApplyAsync(BlockRelease release, CancellationToken ct)
    {
        if (release.Released.IsEmpty)
        {
            return;
        }

        foreach (var (handle, count) in release.CountByHandle)
        {
            await change.CountHandleAsync(handle, release.Block.Cidr, -count, ct);
        }

        var block = release.Block;
        if (!block.IsEmpty)
        {
            change.Put(block);
            return;
        }

        if (AffinityOwner.Parse(block.Affinity) is not { } owner)
        {
            await AffinityRelease.DeleteAsync(change, block, ct);
            return;
        }

        if (await IsServedAsync(owner, block.Cidr, ct))
        {
            change.Put(block);
            return;
        }

        await AffinityRelease.ReleaseAsync(change, owner, block, ct);
    }

    /// <summary>The existing block of an address, or null. Of several, which only mixed-up ranges have, the one in which somebody has it.
    /// </summary>
    public async Task<Cidr?> FindBlockAsync(IPAddress address, CancellationToken ct)
    {
        var expected = (await facts.PoolsAsync(ct)).FirstOrDefault(p => p.Cidr.Contains(address))?.BlockOf(address);
        if (expected is { } usual && await HasAsync(usual, address, ct))
        {
            return usual;
        }

        // Blocks outlive their pool, and the next one here may have been of another block size.
        var around = await change.BlocksAroundAsync(address, ct);
        foreach (var block in around)
        {
            if (await HasAsync(block, address, ct))
            {
                return block;
            }
        }

        return expected is { } empty && around.Contains(empty) ? empty : around.Cast<Cidr?>().FirstOrDefault();
    }

    /// <summary>Takes an address that is this host's whatever pools and affinities say now: what is in use cannot be refused.</summary>
    /// <param name="address">Free in its block, or in no block.</param>
    /// <param name="former">The block it was in.</param>
    /// <param name="owner">The host.</param>
    /// <param name="attribute">Who has it.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Its block.</returns>
    public async Task<AllocationBlock> RetakeAsync(IPAddress address, Cidr former, AffinityOwner owner, IpamAttribute attribute,
        CancellationToken ct)
    {
        var block = await FindBlockAsync(address, ct) is { } found
            ? (await change.BlockAsync(found, ct))!
            : await MakeAsync(await RoomAsync(address, former, ct), owner, ct);
        var ordinal = block.OrdinalOf(address)!.Value;
        var taken = block.IsCooling(ordinal) ? block.Reassign(ordinal, attribute, isNewOwner: true)
            : block.AssignOrdinal(ordinal, attribute)
            ?? throw new CalicoException(Problem.AlreadyExists, $"{address} is held by handle \"{block.AttributeOf(ordinal)!.HandleId}\"");
        change.Put(taken);
        await change.RecountHandleAsync(attribute.HandleId!, taken, ct);
        return taken;
    }

    /// <summary>The range of a block that can be made for an address: as big as its pool's are, or as the former one was, and smaller
    /// where that overlaps another.</summary>
    private async Task<Cidr> RoomAsync(IPAddress address, Cidr former, CancellationToken ct)
    {
        var single = Cidr.From(address);
        var pools = await change.GuardPoolsAsync(ct);
        var existing = await change.AllBlocksAsync(single.Version, ct);
        var size = pools.FirstOrDefault(p => p.Cidr.Contains(address))?.BlockSize ?? former.PrefixLength;
        while (OccupiedRanges.Overlapping(existing, single.Widen(size)) is not null)
        {
            size++;
        }

        return single.Widen(size);
    }

    private async Task<bool> HasAsync(Cidr cidr, IPAddress address, CancellationToken ct) =>
        await change.UsableBlockAsync(cidr, ct) is { } block && block.AttributeOf(block.OrdinalOf(address)!.Value) is not null;

    private async Task<DateTimeOffset?> CoolingSinceAsync(CancellationToken ct) =>
        (await facts.ConfigAsync(ct)).IpCooldownSeconds > 0 ? time.GetUtcNow() : null;

    private async Task<bool> IsServedAsync(AffinityOwner owner, Cidr block, CancellationToken ct)
    {
        var pool = (await facts.PoolsAsync(ct)).FirstOrDefault(p => p.IsOfItsBlocks(block));
        if (owner.IsVirtual || pool is null || pool.Disabled)
        {
            return pool is { Disabled: false };
        }

        return await facts.NodeLabelsAsync(owner.Name, ct) is { } labels && (pool.IsManual || pool.SelectsNode(labels));
    }

    private async Task<AllocationBlock> BlockAsync(IpamPool pool, IPAddress address, AffinityOwner owner, CancellationToken ct)
    {
        if (await FindBlockAsync(address, ct) is { } found)
        {
            return (await change.BlockAsync(found, ct))!;
        }

        var (cidr, pools) = (pool.BlockOf(address), await change.GuardPoolsAsync(ct));
        if (!pool.IsAmong(pools))
        {
            throw new CalicoException(Problem.NotFound, $"{address}: The provided IP address is not in a configured pool\n");
        }

        return OccupiedRanges.Overlapping(await change.AllBlocksAsync(cidr.Version, ct), cidr) is { } other
            ? throw new CalicoException(Problem.Conflict,
                $"{address} cannot be assigned: its block {cidr} would overlap block {other}, which is left from an "
                + "earlier pool and whose addresses are in use")
            : await MakeAsync(cidr, owner, ct);
    }

    private async Task<AllocationBlock> MakeAsync(Cidr cidr, AffinityOwner owner, CancellationToken ct)
    {
        await change.PutAffinityAsync(owner, cidr, IpamAffinityValue.Confirmed, ct);
        return AutoAssignment.NewBlock(cidr, owner, null, time.GetUtcNow());
    }

    private async Task RefuseBeyondAsync(AssignRequest request, CancellationToken ct)
    {
        if (request.MaxPerHandle <= 0 || request.Handle is not { } handle || await change.HandleAsync(handle, ct) is not { } value)
        {
            return;
        }

        var held = value.Block.Where(b => Cidr.TryParse(b.Key, out var c) && c.Version == Cidr.From(request.Address).Version)
            .Sum(b => b.Value);
        if (held >= request.MaxPerHandle)
        {
            throw new CalicoException(Problem.Exhausted, string.Create(CultureInfo.InvariantCulture,
                $"handle {handle} already has IP(s) allocated, cannot assign additional IP {request.Address} (maxAllocPerIPVersion={request.MaxPerHandle})"));
        }
    }
}
