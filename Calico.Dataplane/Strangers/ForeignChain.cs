using Calico.Linux.Nftables;

namespace Calico.Dataplane.Strangers;

/// <summary>A chain of somebody else's, of nftables or of iptables-legacy.</summary>
/// <param name="Table">As its owner calls it: <c>table ip raw</c>, <c>table raw of iptables-legacy</c>.</param>
/// <param name="Name">Of the chain.</param>
/// <param name="Hook">Where packets meet it; null: only by a jump.</param>
/// <param name="Rules">In order.</param>
internal sealed record ForeignChain(string Table, string Name, NftHook? Hook, IReadOnlyList<ForeignRule> Rules);
