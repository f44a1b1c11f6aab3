using System.Collections.Immutable;

namespace Calico.Ipam;

/// <summary>What a comparison found.</summary>
/// <param name="Lost">Leases whose address is another's in the store.</param>
/// <param name="Adopted">How many the log did not know.</param>
internal sealed record VerifyOutcome(ImmutableArray<LeaseRecord> Lost, int Adopted);
