using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>Upstream's assignment of addresses that nobody chose, within one change: affine blocks first, then new ones, then those of
/// others.</summary>
internal sealed class AutoAssignment(IpamChange change, IIpamFacts facts, TimeProvider time)
{
    /// <summary>Blocks that a host may have where neither request nor configuration says.</summary>
    private const int DefaultMaxBlocks = 20;

    public const string LimitReached = "cannot allocate new block due to per host block limit";

    /// <summary>Assigns addresses of one family.</summary>
    /// <returns>The addresses, and why it ended early if the block limit was reached.</returns>
    /// <exception cref="CalicoException">Nothing was assigned: no pool serves the request, or no such node.</exception>
    public async Task<(AssignedAddresses Assigned, CalicoException? Failure)> AssignAsync(AutoAssignRequest request, int ipVersion,
        CancellationToken ct)
    {
        var run = await StartAsync(request, ipVersion, ipVersion == 4 ? request.Ipv4 : request.Ipv6, ct);
        var requested = run.Remaining;
        if (await ExistingAsync(run, ct) is { } existing)
        {
            return (existing, null);
        }

        var nodeLabels = await NodeLabelsAsync(request, ct);
        run.Pools = await PoolsAsync(run, nodeLabels, ct);
        var affine = await AffineBlocksAsync(run, nodeLabels, ct);
        CalicoException? failure = null;
        foreach (var cidr in affine.Usable)
        {
            if (run.Remaining == 0)
            {
                break;
            }

            if (await HeldBlockAsync(run, cidr, ct) is { } block)
            {
                await TakeAsync(run, block, ct);
            }
        }

        var owned = affine.Owned;
        while (run.Remaining > 0 && run.Config.AutoAllocateBlocks)
        {
            var limit = Limit(request.MaxBlocks, run.Config.MaxBlocksPerHost);
            if (owned >= limit)
            {
                run.Messages.Add(string.Create(CultureInfo.InvariantCulture,
                    $"Need to allocate an IPAM block but could not - limit of {limit} blocks reached for this node"));
                failure = new CalicoException(Problem.Exhausted, LimitReached);
                break;
            }

            if (await ClaimBlockAsync(run, ct) is not { } claimed)
            {
                break;
            }

            owned++;
            await TakeAsync(run, claimed, ct);
        }

        if (run.Remaining > 0 && failure is null)
        {
            await BorrowAsync(run, ct);
        }

        return (new(ipVersion, [.. run.Addresses], requested, [.. run.Messages], [.. run.Blocks],
            (ipVersion == 4 ? request.Reserved4 : request.Reserved6)?.Handle), failure);
    }

    /// <summary>Makes sure that the host has a block with affinity.</summary>
    public async Task<Cidr?> EnsureBlockAsync(AutoAssignRequest request, int ipVersion, CancellationToken ct)
    {
        var run = await StartAsync(request, ipVersion, 1, ct);
        var nodeLabels = await NodeLabelsAsync(request, ct);
        run.Pools = await PoolsAsync(run, nodeLabels, ct);
        var affine = await AffineBlocksAsync(run, nodeLabels, ct);
        foreach (var cidr in affine.Usable)
        {
            if (await HeldBlockAsync(run, cidr, ct) is not null)
            {
                return cidr;
            }
        }

        return run.Config.AutoAllocateBlocks ? (await ClaimBlockAsync(run, ct))?.Cidr : null;
    }

    /// <summary>The smaller of two limits, 0 being none; 20 where there is none at all.</summary>
    internal static int Limit(int requested, int configured) => (requested, configured) switch
    {
        ( > 0, > 0) => Math.Min(requested, configured),
        ( > 0, _) => requested,
        (_, > 0) => configured,
        _ => DefaultMaxBlocks,
    };

    /// <summary>A new block of the host, as it is before anything of it is assigned but what the host reserves.</summary>
    internal static AllocationBlock NewBlock(Cidr cidr, AffinityOwner owner, HostReservation? reservation, DateTimeOffset now)
    {
        // Nanoseconds since 1970, as upstream: a block that is deleted and made again continues with higher numbers.
        var sequence = (ulong)(now.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;
        var block = AllocationBlock.Create(cidr, owner.Text, now, sequence);
        if (reservation is null)
        {
            return block;
        }

        var attribute = new IpamAttribute
        {
            HandleId = reservation.Handle,
            Secondary = ImmutableSortedDictionary<string, string>.Empty.Add("note", reservation.Note),
        };
        foreach (var ordinal in Enumerable.Range(0, block.Size)
            .Where(o => o < reservation.StartOfBlock || o >= block.Size - reservation.EndOfBlock))
        {
            block = block.AssignOrdinal(ordinal, attribute)!;
        }

        return block;
    }

    internal static AffinityOwner OwnerOf(string host, IntendedUse use) =>
        use == IntendedUse.LoadBalancer ? AffinityOwner.LoadBalancer : new(host);

    private async Task<Run> StartAsync(AutoAssignRequest request, int ipVersion, int count, CancellationToken ct) => new()
    {
        Request = request,
        IpVersion = ipVersion,
        Config = await facts.ConfigAsync(ct),
        Reserved = await facts.ReservationsAsync(ct),
        AllPools = await facts.PoolsAsync(ct),
        Pools = [],
        Remaining = count,
    };

    private async Task<IReadOnlyDictionary<string, string>> NodeLabelsAsync(AutoAssignRequest request, CancellationToken ct)
    {
        if (request.Use == IntendedUse.Unspecified)
        {
            throw new CalicoException(Problem.Invalid, "must specify the intended use when assigning an IP");
        }

        // Load balancer addresses belong to no node, so there are no labels to select by.
        return request.Use == IntendedUse.LoadBalancer
            ? ImmutableDictionary<string, string>.Empty
            : await facts.NodeLabelsAsync(request.Host, ct)
                ?? throw new CalicoException(Problem.NotFound, $"resource does not exist: Node({request.Host})");
    }

    private async Task<ImmutableArray<IpamPool>> PoolsAsync(Run run, IReadOnlyDictionary<string, string> nodeLabels, CancellationToken ct)
    {
        var (request, version) = (run.Request, run.IpVersion);
        var wanted = version == 4 ? request.Pools4 : request.Pools6;
        if (wanted.Any(w => PoolChoice.Find(run.AllPools, w) is { } pool ? pool.Cidr.Version != version : IsOtherFamily(w, version)))
        {
            var other = version == 4 ? 6 : 4;
            throw new CalicoException(Problem.Invalid, $"provided IPv{version} IPPools list contains one or more IPv{other} IPPools");
        }

        var labels = request.NamespaceLabels
            ?? (request.Namespace.Length == 0 ? null : await facts.NamespaceLabelsAsync(request.Namespace, ct));
        var pools = PoolChoice.Of(run.AllPools, version, wanted, nodeLabels, labels);
        if (pools.IsEmpty)
        {
            throw new CalicoException(Problem.NotFound, run.AllPools.Any(p => p.Cidr.Version == version && !p.Disabled)
                ? "cannot find a qualified ippool"
                : $"no configured Calico pools for node {request.Host}");
        }

        var allowed = pools.Where(p => p.AllowedUses.Contains(request.Use)).ToImmutableArray();
        if (allowed.IsEmpty)
        {
            throw new CalicoException(Problem.NotFound, $"cannot find a qualified ippool, no pools match the required use ({request.Use})");
        }

        return request.Within is { } within ? [.. allowed.Where(p => p.Cidr.Overlaps(Cidr.From(within)))] : allowed;
    }

    private static bool IsOtherFamily(string wanted, int version) => Cidr.TryParse(wanted, out var cidr) && cidr.Version != version;

    private async Task<AssignedAddresses?> ExistingAsync(Run run, CancellationToken ct)
    {
        var request = run.Request;
        if (request.MaxPerHandle <= 0 || request.Handle is null || await change.HandleAsync(request.Handle, ct) is not { } handle)
        {
            return null;
        }

        var found = new List<(IPAddress Address, Cidr Block)>();
        foreach (var text in handle.Block.Keys)
        {
            if (Cidr.TryParse(text, out var cidr) && cidr.Version == run.IpVersion && await change.UsableBlockAsync(cidr, ct) is { } block)
            {
                found.AddRange(block.OrdinalsOf(request.Handle).Select(o => (block.AddressOf(o), cidr)));
            }
        }

        if (found.Count < request.MaxPerHandle)
        {
            run.Remaining = Math.Min(run.Remaining, request.MaxPerHandle - found.Count);
            return null;
        }

        var (kept, asked) = (found.Take(run.Remaining).ToImmutableArray(), Math.Min(run.Remaining, found.Count));
        return new(run.IpVersion, [.. kept.Select(k => k.Address)], asked, [], [.. kept.Select(k => k.Block)]);
    }

    /// <summary>The host's blocks in pools of the request. Empty ones of pools that are gone, disabled or serve the host no more are
    /// given back on the way; those pools could never use them again.</summary>
    private async Task<(ImmutableArray<Cidr> Usable, int Owned)> AffineBlocksAsync(Run run, IReadOnlyDictionary<string, string> nodeLabels,
        CancellationToken ct)
    {
        var usable = ImmutableArray.CreateBuilder<Cidr>();
        var owned = 0;
        foreach (var cidr in await change.AffineBlocksAsync(run.Owner, run.IpVersion, ct))
        {
            if (run.Pools.Any(p => p.IsOfItsBlocks(cidr)))
            {
                usable.Add(cidr);
                owned++;
                continue;
            }

            var pool = run.AllPools.FirstOrDefault(p => p.IsOfItsBlocks(cidr));
            var isServing = pool is { Disabled: false } && (pool.IsManual || pool.SelectsNode(nodeLabels));
            if (isServing || !await AffinityRelease.TryReleaseEmptyAsync(change, run.Owner, cidr, ct))
            {
                owned++;
            }
        }

        return (usable.ToImmutable(), owned);
    }

    /// <summary>A block that the host has an affinity to; a claim that a crash left half done is finished here.</summary>
    private async Task<AllocationBlock?> HeldBlockAsync(Run run, Cidr cidr, CancellationToken ct)
    {
        var block = await change.UsableBlockAsync(cidr, ct);
        if (block is null)
        {
            var pool = run.Pools.First(p => p.IsOfItsBlocks(cidr));
            if (await change.ExistsAsync(cidr, ct) || !pool.IsAmong(await change.GuardPoolsAsync(ct))
                || OccupiedRanges.Overlapping(await change.AllBlocksAsync(run.IpVersion, ct), cidr) is not null)
            {
                return null;
            }

            return await ClaimAsync(run, NewBlock(cidr, run.Owner, run.Reservation, time.GetUtcNow()), ct);
        }

        if (block.Affinity != run.Owner.Text)
        {
            // Somebody was faster, or took it over while it was empty: the affinity is left from before.
            await change.DeleteAffinityAsync(run.Owner, cidr, ct);
            return null;
        }

        if (await change.AffinityAsync(run.Owner, cidr, ct) is { IsConfirmed: false })
        {
            await change.PutAffinityAsync(run.Owner, cidr, IpamAffinityValue.Confirmed, ct);
        }

        return block;
    }

    private async Task<AllocationBlock> ClaimAsync(Run run, AllocationBlock block, CancellationToken ct)
    {
        // Upstream writes the affinity as pending, then the block, then the affinity as confirmed, because not all of its stores have
        // transactions. In one transaction nobody ever sees the pending state.
        await change.PutAffinityAsync(run.Owner, block.Cidr, IpamAffinityValue.Confirmed, ct);
        change.Put(block);
        return block;
    }

    private async Task TakeAsync(Run run, AllocationBlock block, CancellationToken ct)
    {
        var request = run.Request;
        var cooled = run.Config.IpCooldownSeconds > 0
            ? block.CollectCooled(time.GetUtcNow(), TimeSpan.FromSeconds(run.Config.IpCooldownSeconds))
            : block;
        var within = request.Within is { } range ? (Func<IPAddress, bool>)range.Contains : null;
        if (request.IsHeld is { } isHeld)
        {
            var inside = within;
            within = a => !isHeld(a) && inside?.Invoke(a) != false;
        }

        var attribute = new IpamAttribute { HandleId = request.Handle, Secondary = request.Attributes };
        var taken = cooled.Assign(run.Remaining, attribute, run.Reserved, out var ordinals, within, request.IsBetterLeft);
        if (ordinals.IsEmpty)
        {
            return;
        }

        change.Put(taken);
        foreach (var ordinal in ordinals)
        {
            run.Addresses.Add(block.AddressOf(ordinal));
            run.Blocks.Add(block.Cidr);
        }

        run.Remaining -= ordinals.Length;
        if (request.Handle is { } handle)
        {
            await change.RecountHandleAsync(handle, taken, ct);
        }
    }

    /// <summary>A block that nobody has, else one that another host has had empty for a minute; null: neither.</summary>
    private async Task<AllocationBlock?> ClaimBlockAsync(Run run, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var pools = await change.GuardPoolsAsync(ct);
        var existing = await change.AllBlocksAsync(run.IpVersion, ct);
        foreach (var pool in run.Pools.Where(p => p.IsAmong(pools)))
        {
            if (OccupiedRanges.FreeIn(existing, pool, run.Request.Host, run.Request.Within).Cast<Cidr?>().FirstOrDefault() is { } candidate)
            {
                return await ClaimAsync(run, NewBlock(candidate, run.Owner, run.Reservation, now), ct);
            }
        }

        foreach (var cidr in run.Pools.SelectMany(p => InOrder(existing, p, run.Request.Host)).Where(c => IsUseful(run, c)))
        {
            if (await change.UsableBlockAsync(cidr, ct) is { IsEmpty: true } block && block.Affinity != run.Owner.Text
                && (block.AffinityClaimTime is not { } since || now - since >= TimeSpan.FromMinutes(1)))
            {
                if (AffinityOwner.Parse(block.Affinity) is { } former)
                {
                    await change.DeleteAffinityAsync(former, cidr, ct);
                }

                return await ClaimAsync(run, block.WithAffinity(run.Owner.Text, now), ct);
            }
        }

        return null;
    }

    private static bool IsUseful(Run run, Cidr block) => run.Request.Within is not { } within || block.Overlaps(Cidr.From(within));

    private async Task BorrowAsync(Run run, CancellationToken ct)
    {
        if (run.Config.StrictAffinity)
        {
            run.Messages.Add("No more free affine blocks and strict affinity enabled");
            return;
        }

        var existing = await change.AllBlocksAsync(run.IpVersion, ct);
        foreach (var cidr in run.Pools.SelectMany(p => InOrder(existing, p, run.Request.Host)))
        {
            if (run.Remaining == 0)
            {
                return;
            }

            if (await change.UsableBlockAsync(cidr, ct) is { } block)
            {
                await TakeAsync(run, block, ct);
            }
        }

        if (run.Remaining > 0)
        {
            run.Messages.Add($"No IPs available in pools: [{string.Join(' ', run.Pools.Select(p => p.Cidr))}]");
        }
    }

    private static IEnumerable<Cidr> InOrder(ImmutableArray<Cidr> existing, IpamPool pool, string host)
    {
        var inside = existing.Where(pool.IsOfItsBlocks).ToImmutableArray();
        if (inside.IsEmpty)
        {
            return inside;
        }

        var start = BlockOrder.Of(pool.Cidr, pool.BlockSize, host).First().First;
        return inside.OrderBy(b => b.First < start).ThenBy(b => b.First);
    }

    /// <summary>What one call carries along.</summary>
    private sealed class Run
    {
        public required AutoAssignRequest Request { get; init; }
        public required int IpVersion { get; init; }
        public required IpamConfigValue Config { get; init; }
        public required AddressSet Reserved { get; init; }
        public required ImmutableArray<IpamPool> AllPools { get; init; }
        public required ImmutableArray<IpamPool> Pools { get; set; }
        public required int Remaining { get; set; }
        public List<IPAddress> Addresses { get; } = [];
        public List<Cidr> Blocks { get; } = [];
        public List<string> Messages { get; } = [];
        public AffinityOwner Owner => OwnerOf(Request.Host, Request.Use);
        public HostReservation? Reservation => IpVersion == 4 ? Request.Reserved4 : Request.Reserved6;
    }
}
