using System.Collections.Immutable;
using System.Net;

namespace Calico;

/// <summary>A wish for addresses.</summary>
public sealed record AddressClaim
{
    /// <summary>Unique owner key, upstream's text where upstream has one (<c>&lt;network&gt;.&lt;container id&gt;</c>, Mesos uid).
    /// The same handle again gives the same addresses.</summary>
    public required string Handle { get; init; }

    /// <summary>Who may still need it.</summary>
    public required LeasePurpose Purpose { get; init; }

    /// <summary>Network id, task, pool id: for people and audits.</summary>
    public string Owner { get; init; } = "";

    /// <summary>How many IPv4 addresses, 0–64.</summary>
    public int Ipv4 { get; init; }

    /// <summary>How many IPv6 addresses, 0–64.</summary>
    public int Ipv6 { get; init; }

    /// <summary>These and no others. An unbound Endpoint lease of this adapter and node, an unbound Scheduler lease, or a Network lease
    /// of the same owner is granted again; held otherwise: <see cref="Problem.AlreadyExists"/> naming the holder. All or nothing, both
    /// families; cool-down does not apply.</summary>
    public ImmutableArray<IPAddress> Exact { get; init; } = [];

    /// <summary>Pool names or CIDRs of either family; empty: the pools whose selectors match.</summary>
    public ImmutableArray<string> Pools { get; init; } = [];

    /// <summary>Only addresses inside this range, which lies inside a pool (Docker's <c>--ip-range</c>).</summary>
    public IPNetwork? Within { get; init; }

    /// <summary>The workload's namespace, for a pool's <c>namespaceSelector</c>.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>Kept with the address: <c>pod</c>, <c>namespace</c>, … as upstream writes them.</summary>
    public ImmutableSortedDictionary<string, string> Attributes { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
}
