using System.Collections.Immutable;

namespace Calico.Ipam;

/// <summary>What a comparison found.</summary>
/// <param name="Lost">Leases whose address is another's in the store, with who has it.</param>
/// <param name="Damaged">Blocks that cannot be read, with the reason.</param>
/// <param name="Retaken">How many the store had lost.</param>
/// <param name="Adopted">How many the log did not know.</param>
/// <param name="IsPartial">More was to be mended than fits into one transaction: it has to be made again.</param>
internal sealed record VerifyOutcome(ImmutableArray<(LeaseRecord Lease, string Holder)> Lost,
    ImmutableSortedDictionary<string, string> Damaged, int Retaken,
    int Adopted, bool IsPartial);
