using System.Collections.Immutable;

namespace Calico.Linux.Nftables;

/// <summary>A step of a rule as the kernel lists it.</summary>
/// <param name="Name">The kernel's name of the expression.</param>
/// <param name="Content">Its attributes. The kernel renames registers (word 0 becomes NFT_REG_1), so this is not what was sent byte by byte.</param>
public sealed record NftExpressionState(string Name, ImmutableArray<byte> Content);
