using System.Collections.Immutable;
using System.Net;

namespace Calico.Ipam;

/// <summary>What a release from one block comes to.</summary>
/// <param name="Block">The block afterwards.</param>
/// <param name="Released">Addresses that were freed.</param>
/// <param name="Unallocated">Addresses that were free before.</param>
/// <param name="CountByHandle">How many each handle lost.</param>
/// <param name="Refusal">Why nothing at all was freed: an address has another owner than the request says; null otherwise.</param>
public sealed record BlockRelease(AllocationBlock Block, ImmutableArray<IPAddress> Released, ImmutableArray<IPAddress> Unallocated,
    ImmutableSortedDictionary<string, int> CountByHandle, string? Refusal = null);
