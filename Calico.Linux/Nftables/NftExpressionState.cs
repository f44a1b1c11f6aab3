using System.Collections.Immutable;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>A step of a rule as the kernel lists it.</summary>
/// <param name="Name">The kernel's name of the expression.</param>
/// <param name="Content">Its attributes. The kernel renames registers (word 0 becomes NFT_REG_1), so this is not what was sent byte by
/// byte.</param>
public sealed record NftExpressionState(string Name, ImmutableArray<byte> Content)
{
    /// <summary>The verdict that it ends the rule with, or null.</summary>
    public NftVerdict? Verdict
    {
        get
        {
            var attributes = new AttributeReader(Name == "immediate" ? Content.AsSpan() : []);
            while (attributes.TryRead(out var a))
            {
                if (a.Type == Immediate.NFTA_IMMEDIATE_DATA)
                {
                    return NftData.ReadVerdict(a.Nested);
                }
            }

            return null;
        }
    }
}
