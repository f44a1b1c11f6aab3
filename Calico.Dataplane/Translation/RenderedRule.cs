using System.Collections.Immutable;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>A compiled rule as the kernel gets it, kept while its list holds it: a list that is written anew renders what is new in
/// it.</summary>
/// <param name="Rules">One a family, where it asks addresses; marked.</param>
/// <param name="Sets">The sets, named by content, that they look into.</param>
internal sealed record RenderedRule(ImmutableArray<NftRule> Rules,
    ImmutableArray<(NftSet Definition, ImmutableArray<NftElement> Elements)> Sets);
