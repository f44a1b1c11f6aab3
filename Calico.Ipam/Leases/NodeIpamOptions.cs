namespace Calico.Ipam;

/// <summary>How this node leases addresses.</summary>
public sealed record NodeIpamOptions
{
    /// <summary>Name of the Node resource.</summary>
    public required string NodeName { get; init; }

    /// <summary>Addresses of each family that are held ready for when the store is dead: 8 with etcd, 0 with the embedded store.</summary>
    public int ParkedAddresses { get; init; }

    /// <summary>After this long a request is served without the store if it can be.</summary>
    public TimeSpan StorePatience { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>After this long a request that cannot be served without the store fails.</summary>
    public TimeSpan StoreDeadline { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a store that failed is left alone before it is tried again.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether a claim that cannot be served without the store is refused at once while a store that failed is left alone: with a
    /// distant one. Who asks for one address after another would wait <see cref="StoreDeadline"/> for each.</summary>
    public bool RefusesWhileResting { get; init; }

    /// <summary>Addresses that have been free for less are assigned last; exact requests do not care.</summary>
    public TimeSpan CoolDownPreference { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Age at which an unbound Endpoint lease may be collected. Counted by this process, so no clock that jumps ends a lease.
    /// </summary>
    public TimeSpan UnboundGrace { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often the log is compared with the store: what of this node's facts the store has lost without anybody having noticed
    /// is written again then.</summary>
    public TimeSpan VerifyInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often the reserves of nodes that are gone are looked for.</summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long pools, reservations, labels and configuration are kept when they are read from the store.</summary>
    public TimeSpan FactsLifetime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Pools and labels as the host follows them; null: they are read from the store and kept for <see cref="FactsLifetime"/>.
    /// </summary>
    public IIpamFacts? Facts { get; init; }

    /// <summary>Whether an old unbound lease is to be kept, because a live report names it or no complete one was made after it; null:
    /// no adapter can say.</summary>
    public Func<AddressLease, bool>? IsInUse { get; init; }
}
