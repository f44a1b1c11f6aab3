using System.Collections.Immutable;
using System.Net;

namespace Calico.Ipam;

/// <summary>A wish for one address.</summary>
/// <param name="Address">Which.</param>
/// <param name="Host">Node that asks.</param>
/// <param name="Handle">Owner key, or null.</param>
/// <param name="Use">What for; not said: any.</param>
/// <param name="MaxPerHandle">Addresses that the handle may have in the family; 0: no limit.</param>
public sealed record AssignRequest(IPAddress Address, string Host, string? Handle = null, IntendedUse Use = IntendedUse.Unspecified,
    int MaxPerHandle = 0)
{
    /// <summary>Kept with the address.</summary>
    public ImmutableSortedDictionary<string, string> Attributes { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
}
