using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>An allocation and what uses it.</summary>
/// <param name="Address">The address.</param>
/// <param name="Block">Its block.</param>
/// <param name="BlockAffinity">The block's owner, or null.</param>
/// <param name="Handle">Owner key, or empty.</param>
/// <param name="Sequence">Of this allocation; a release carries it.</param>
/// <param name="Node">The node that its attributes name, or null.</param>
/// <param name="Lease">What the attributes say as a lease.</param>
/// <param name="Attributes">As stored.</param>
/// <param name="IsCooling">Released, and not free yet.</param>
/// <param name="UsedBy">Names of endpoints that have it.</param>
public sealed record AuditedAddress(IPAddress Address, Cidr Block, string? BlockAffinity, string Handle, ulong Sequence, string? Node,
    AddressLease Lease, ImmutableSortedDictionary<string, string> Attributes, bool IsCooling, ImmutableArray<string> UsedBy)
{
    /// <summary>Whether its node has no affinity to the block.</summary>
    public bool IsBorrowed => Node is not null && BlockAffinity != new AffinityOwner(Node).Text;

    /// <summary>Kept on purpose: parked, or set apart for the host.</summary>
    public bool IsReserve => Handle.StartsWith("parked.", StringComparison.Ordinal) || Handle == AllocationBlock.WindowsReservedHandle;
}
