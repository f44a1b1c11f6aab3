using System.Collections.Immutable;
using System.Net;

namespace Calico.Ipam;

/// <summary>A wish for addresses that IPAM chooses.</summary>
public sealed record AutoAssignRequest
{
    /// <summary>Node that asks. Its Node resource has to exist.</summary>
    public required string Host { get; init; }

    /// <summary>How many IPv4 addresses.</summary>
    public int Ipv4 { get; init; }

    /// <summary>How many IPv6 addresses.</summary>
    public int Ipv6 { get; init; }

    /// <summary>Owner key, or null.</summary>
    public string? Handle { get; init; }

    /// <summary>Kept with each address.</summary>
    public ImmutableSortedDictionary<string, string> Attributes { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>What for; has to be said.</summary>
    public required IntendedUse Use { get; init; }

    /// <summary>Names or CIDRs of IPv4 pools; empty: those that select.</summary>
    public ImmutableArray<string> Pools4 { get; init; } = [];

    /// <summary>Names or CIDRs of IPv6 pools; empty: those that select.</summary>
    public ImmutableArray<string> Pools6 { get; init; } = [];

    /// <summary>Name of the workload's namespace; empty: none.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>The namespace's labels, where the caller knows them; null: they are looked up.</summary>
    public IReadOnlyDictionary<string, string>? NamespaceLabels { get; init; }

    /// <summary>Blocks that the host may have; 0: the configuration's limit, or 20.</summary>
    public int MaxBlocks { get; init; }

    /// <summary>Addresses that the handle may have in each family; what it has already is returned instead of more. 0: no limit.</summary>
    public int MaxPerHandle { get; init; }

    /// <summary>Addresses set apart in each new IPv4 block.</summary>
    public HostReservation? Reserved4 { get; init; }

    /// <summary>Addresses set apart in each new IPv6 block.</summary>
    public HostReservation? Reserved6 { get; init; }

    /// <summary>Only addresses inside this range.</summary>
    public IPNetwork? Within { get; init; }

    /// <summary>Addresses taken only when no other of their block is left; null: none.</summary>
    public Func<IPAddress, bool>? IsBetterLeft { get; init; }

    /// <summary>Addresses that are in use although their block may say otherwise: never taken; null: none.</summary>
    public Func<IPAddress, bool>? IsHeld { get; init; }
}
