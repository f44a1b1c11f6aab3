using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Addresses that are taken before there is an endpoint, under a uid of the caller's.</summary>
/// <remarks>net-modules reserves and allocates under one uid, and the same handle twice is the same addresses; so a uid has two
/// handles. Theirs and those of containers (<see cref="ContainerPath.HandleOf"/>) differ in their beginning.</remarks>
internal sealed class AddressLeases(IIpam ipam, KeptAddresses kept)
{
    /// <summary>What a claim may ask for of a family.</summary>
    public const int MaxCount = 64;

    private const int MaxUid = 128;

    /// <summary>Held over the look at who has an address and its claim.</summary>
    private readonly Cni.CallTurns _turns = new();

    /// <summary>Whether it can be one: what a handle's name may hold.</summary>
    public static bool IsUid(string uid) =>
        uid.Length is > 0 and <= MaxUid && uid.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    /// <summary>Free ones; of a uid that has some already, whichever node they were kept on, those.</summary>
    public async Task<ImmutableArray<IPAddress>> AllocateAsync(string uid, int ipv4, int ipv6, ImmutableArray<string> pools, bool keep,
        CancellationToken ct)
    {
        if (ipv4 == 0 && ipv6 == 0)
        {
            return [];
        }

        ImmutableArray<IPAddress> elsewhere = keep ? [.. (await ElsewhereAsync(uid, ct)).Where(l => l.Handle == AllocatedBy(uid))
            .Select(l => l.Address)] : [];
        var missing = (Ipv4: Math.Max(ipv4 - elsewhere.Count(IsIpv4), 0), Ipv6: Math.Max(ipv6 - elsewhere.Count(a => !IsIpv4(a)), 0));
        if (missing == (0, 0))
        {
            return elsewhere;
        }

        var claim = New(AllocatedBy(uid), uid, keep) with { Ipv4 = missing.Ipv4, Ipv6 = missing.Ipv6, Pools = pools };
        ImmutableArray<IPAddress> here = [.. (await ipam.ClaimAsync(claim, ct)).Select(l => l.Address)];
        await KeepAsync(uid, keep, here, ct);
        return [.. elsewhere.AddRange(here).OrderBy(a => IsIpv4(a) ? 0 : 1)];
    }

    /// <summary>These, all or none.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: another uid, or somebody else, has one.</exception>
    public async Task ReserveAsync(string uid, ImmutableArray<IPAddress> addresses, bool keep, CancellationToken ct)
    {
        if (addresses.IsEmpty)
        {
            return;
        }

        using (await TakeAsync(addresses, handle => handle == ReservedBy(uid) || handle == AllocatedBy(uid), "addresses", ct))
        {
            await ipam.ClaimAsync(New(ReservedBy(uid), uid, keep) with { Exact = [.. addresses.Distinct()] }, ct);
        }

        await KeepAsync(uid, keep, addresses, ct);
    }

    /// <summary>Nobody else of this node takes these until the result is disposed, if nobody else has them.</summary>
    /// <remarks>A claim of an address that this adapter has leased, and no endpoint uses, is granted again: it is meant for one owner's two
    /// calls. Here a uid is an owner, and so is a container.</remarks>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>, with who has one; <see cref="Problem.Invalid"/>: they
    /// are too many.</exception>
    public async Task<IDisposable> TakeAsync(ImmutableArray<IPAddress> addresses, Func<string, bool> isOwn, string field,
        CancellationToken ct)
    {
        if (addresses.Length > MaxCount)
        {
            throw new CalicoException(Problem.Invalid, $"{addresses.Length} addresses are asked for; at most {MaxCount} can be", field);
        }

        var held = new HeldTurns();
        try
        {
            // In one order, so that no two wait for each other.
            foreach (var address in addresses.Select(a => a.ToString()).Distinct().Order(StringComparer.Ordinal))
            {
                held.Add(await _turns.EnterAsync(address, ct));
            }

            foreach (var lease in await FindAsync(addresses, ct))
            {
                if (!isOwn(lease.Handle))
                {
                    throw new CalicoException(Problem.AlreadyExists,
                        $"{lease.Address} is held by {(lease.Owner.Length > 0 ? lease.Owner : lease.Handle)}", field);
                }
            }

            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>What a uid has: on this node, and of what it keeps on others.</summary>
    public async Task<ImmutableArray<AddressLease>> ListAsync(string uid, CancellationToken ct)
    {
        var here = await HereAsync(uid, ct);
        try
        {
            return here.AddRange(await ElsewhereAsync(uid, ct));
        }
        catch (CalicoException e) when (e.Problem == Problem.Unavailable && !here.IsEmpty)
        {
            // Without the store a node knows its own, and those are all of nearly every uid.
            return here;
        }
    }

    /// <summary>Gives all of a uid back.</summary>
    public async Task<AddressRelease> ReleaseAsync(string uid, CancellationToken ct)
    {
        var had = await ListAsync(uid, ct);
        var has = await FindAsync(had.Select(l => l.Address), ct);
        var done = await ReleaseAsync([.. has.Where(l => had.Any(h => h.Handle == l.Handle))], ct);
        await kept.ForgetAsync(uid, [.. done.Released.Concat(done.Deferred)], ct);
        return done;
    }

    /// <summary>Gives addresses back, whoever's of this adapter they are. What is free already, or another's, is left as it is.</summary>
    public async Task<AddressRelease> ReleaseAsync(ImmutableArray<IPAddress> addresses, CancellationToken ct)
    {
        var leases = await FindAsync(addresses, ct);
        var done = await ReleaseAsync(leases, ct);
        foreach (var uid in leases.Where(l => l.Purpose == LeasePurpose.Scheduler).GroupBy(l => l.Owner))
        {
            await kept.ForgetAsync(uid.Key, [.. uid.Select(l => l.Address).Where(a => !done.NotYours.Contains(a))], ct);
        }

        return done;
    }

    /// <summary>Takes again what a failed call gave back of leases that stood before it.</summary>
    /// <exception cref="CalicoException">One could not be taken again.</exception>
    public async Task RestoreAsync(ImmutableArray<AddressLease> before, CancellationToken ct)
    {
        var standing = (await FindAsync(before.Select(l => l.Address), ct)).Select(l => l.Address).ToHashSet();
        var lost = before.Where(l => l.BoundTo is null && !standing.Contains(l.Address));
        foreach (var lease in lost.GroupBy(l => (l.Handle, l.Purpose, l.Owner)))
        {
            await ipam.ClaimAsync(new()
            {
                Handle = lease.Key.Handle, Purpose = lease.Key.Purpose, Owner = lease.Key.Owner, Exact = [.. lease.Select(l => l.Address)],
            }, ct);
        }
    }

    /// <summary>Leases as they are now; after an endpoint went they still name the same owner, so their release frees no
    /// successor.</summary>
    private async Task<ImmutableArray<AddressLease>> FindAsync(IEnumerable<IPAddress> addresses, CancellationToken ct)
    {
        var leases = ImmutableArray.CreateBuilder<AddressLease>();
        foreach (var address in addresses)
        {
            if (await ipam.FindAsync(address, ct) is { } lease)
            {
                leases.Add(lease);
            }
        }

        return leases.ToImmutable();
    }

    private async Task<AddressRelease> ReleaseAsync(ImmutableArray<AddressLease> leases, CancellationToken ct)
    {
        var outcomes = new List<(IPAddress Address, ReleaseOutcome Outcome)>();
        foreach (var lease in leases)
        {
            var isUsed = await IsUsedElsewhereAsync(lease, ct);
            outcomes.Add((lease.Address, isUsed ? ReleaseOutcome.NotYours : await ipam.ReleaseAsync(lease, ct)));
        }

        return new(Of(ReleaseOutcome.Released), Of(ReleaseOutcome.Deferred), Of(ReleaseOutcome.NotYours));

        ImmutableArray<IPAddress> Of(ReleaseOutcome outcome) => [.. outcomes.Where(o => o.Outcome == outcome).Select(o => o.Address)];
    }

    /// <summary>A kept address is bound on whichever node its task runs, and is not freed under that.</summary>
    private async Task<bool> IsUsedElsewhereAsync(AddressLease lease, CancellationToken ct) =>
        lease is { Purpose: LeasePurpose.Scheduler, BoundTo: not null }
        && (await ipam.ListAsync(lease.Handle, ct)).All(l => !l.Address.Equals(lease.Address) || l.BoundTo is null);

    private async Task<ImmutableArray<AddressLease>> HereAsync(string uid, CancellationToken ct) =>
        [.. await ipam.ListAsync(ReservedBy(uid), ct), .. await ipam.ListAsync(AllocatedBy(uid), ct)];

    /// <summary>What is kept is looked up by its address: the node's own list has this node's.</summary>
    private async Task<ImmutableArray<AddressLease>> ElsewhereAsync(string uid, CancellationToken ct)
    {
        if (await kept.ListAsync(uid, ct) is not { IsEmpty: false } addresses)
        {
            return [];
        }

        var here = (await HereAsync(uid, ct)).Select(l => l.Address).ToHashSet();
        return [.. (await FindAsync(addresses.Where(a => !here.Contains(a)), ct))
            .Where(l => l.Handle == ReservedBy(uid) || l.Handle == AllocatedBy(uid))];
    }

    private Task KeepAsync(string uid, bool keep, ImmutableArray<IPAddress> addresses, CancellationToken ct) =>
        keep ? kept.AddAsync(uid, addresses, ct) : Task.CompletedTask;

    public static bool IsIpv4(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork;

    private static AddressClaim New(string handle, string uid, bool keep) => new()
    {
        Handle = handle,
        Purpose = keep ? LeasePurpose.Scheduler : LeasePurpose.Endpoint,
        Owner = uid,
    };

    private static string AllocatedBy(string uid) => $"mesos-uid.{ContainerPath.Escape(uid)}";

    private static string ReservedBy(string uid) => $"mesos-reserved.{ContainerPath.Escape(uid)}";

    private sealed class HeldTurns : IDisposable
    {
        private readonly List<IDisposable> _turns = [];

        public void Add(IDisposable turn) => _turns.Add(turn);

        public void Dispose() => _turns.ForEach(t => t.Dispose());
    }
}
