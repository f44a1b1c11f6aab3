using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>What a claim of a range comes to.</summary>
/// <param name="Claimed">Blocks that are the host's.</param>
/// <param name="Failed">Blocks that are another host's.</param>
public sealed record AffinityClaims(ImmutableArray<Cidr> Claimed, ImmutableArray<Cidr> Failed);
