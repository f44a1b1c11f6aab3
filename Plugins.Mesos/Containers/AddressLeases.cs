using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Addresses that are taken before there is an endpoint, under a uid of the caller's.</summary>
/// <remarks>net-modules reserves and allocates under one uid, and the same handle twice is the same addresses; so a uid has two
/// handles. Theirs and those of containers (<see cref="ContainerPath.HandleOf"/>) differ in their beginning.</remarks>
internal sealed class AddressLeases(IIpam ipam) : IDisposable
{
    /// <summary>What a claim may ask for of a family.</summary>
    public const int MaxCount = 64;

    private const int MaxUid = 128;

    /// <summary>Held over the look at who has the addresses and their claim.</summary>
    private readonly SemaphoreSlim _reserving = new(1, 1);

    /// <summary>Whether it can be one: what a handle's name may hold.</summary>
    public static bool IsUid(string uid) =>
        uid.Length is > 0 and <= MaxUid && uid.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    /// <summary>Free ones.</summary>
    public async Task<ImmutableArray<IPAddress>> AllocateAsync(string uid, int ipv4, int ipv6, ImmutableArray<string> pools, bool keep,
        CancellationToken ct)
    {
        if (ipv4 == 0 && ipv6 == 0)
        {
            return [];
        }

        var claim = New(AllocatedBy(uid), uid, keep) with { Ipv4 = ipv4, Ipv6 = ipv6, Pools = pools };
        return [.. (await ipam.ClaimAsync(claim, ct)).Select(l => l.Address)];
    }

    /// <summary>These, all or none.</summary>
    /// <remarks>A claim of an address that this adapter has leased, and no endpoint uses, is granted again: it is meant for one owner's two
    /// calls. Here a uid is an owner.</remarks>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: another uid, or somebody else, has one.</exception>
    public async Task ReserveAsync(string uid, ImmutableArray<IPAddress> addresses, bool keep, CancellationToken ct)
    {
        if (addresses.IsEmpty)
        {
            return;
        }

        await _reserving.WaitAsync(ct);
        try
        {
            foreach (var held in await FindAsync(addresses, ct))
            {
                if (held.Handle != ReservedBy(uid) && held.Handle != AllocatedBy(uid))
                {
                    throw new CalicoException(Problem.AlreadyExists,
                        $"{held.Address} is held by {(held.Owner.Length > 0 ? held.Owner : held.Handle)}", "addresses");
                }
            }

            await ipam.ClaimAsync(New(ReservedBy(uid), uid, keep) with { Exact = [.. addresses.Distinct()] }, ct);
        }
        finally
        {
            _reserving.Release();
        }
    }

    /// <summary>What a uid has.</summary>
    public async Task<ImmutableArray<AddressLease>> ListAsync(string uid, CancellationToken ct) =>
        [.. await ipam.ListAsync(ReservedBy(uid), ct), .. await ipam.ListAsync(AllocatedBy(uid), ct)];

    /// <summary>Gives all of a uid back.</summary>
    /// <returns>Those that an endpoint uses: they are freed with it.</returns>
    public async Task<ImmutableArray<IPAddress>> ReleaseAsync(string uid, CancellationToken ct) =>
        await ReleaseAsync(await ListAsync(uid, ct), ct);

    /// <summary>Gives addresses back, whoever's of this adapter they are. What is free already, or another's, is left as it is.</summary>
    public async Task<ImmutableArray<IPAddress>> ReleaseAsync(ImmutableArray<IPAddress> addresses, CancellationToken ct) =>
        await ReleaseAsync(await FindAsync(addresses, ct), ct);

    /// <summary>Leases as they are now; after an endpoint went they still name the same owner, so their release frees no
    /// successor.</summary>
    public async Task<ImmutableArray<AddressLease>> FindAsync(IEnumerable<IPAddress> addresses, CancellationToken ct)
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

    public async Task<ImmutableArray<IPAddress>> ReleaseAsync(ImmutableArray<AddressLease> leases, CancellationToken ct)
    {
        var deferred = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var lease in leases)
        {
            if (await ipam.ReleaseAsync(lease, ct) == ReleaseOutcome.Deferred)
            {
                deferred.Add(lease.Address);
            }
        }

        return deferred.ToImmutable();
    }

    public void Dispose() => _reserving.Dispose();

    public static bool IsIpv4(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork;

    private static AddressClaim New(string handle, string uid, bool keep) => new()
    {
        Handle = handle,
        Purpose = keep ? LeasePurpose.Scheduler : LeasePurpose.Endpoint,
        Owner = uid,
    };

    private static string AllocatedBy(string uid) => $"mesos-uid.{ContainerPath.Escape(uid)}";

    private static string ReservedBy(string uid) => $"mesos-reserved.{ContainerPath.Escape(uid)}";
}
