using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>Where packets enter a base chain.</summary>
internal sealed record ChainHook(NftChainType Type, NftHook Hook, int Priority);
