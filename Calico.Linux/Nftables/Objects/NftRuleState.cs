using System.Collections.Immutable;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>A rule as the kernel lists it.</summary>
public sealed record NftRuleState
{
    public required string Chain { get; init; }

    /// <summary>The kernel's number of it, for deleting and replacing.</summary>
    public required ulong Handle { get; init; }

    /// <summary>The comment it was made with, or null.</summary>
    public string? Comment { get; init; }

    /// <summary>Its steps, read from what the kernel sent each time they are asked for: most readers need only handle and comment.
    /// </summary>
    public ImmutableArray<NftExpressionState> Expressions
    {
        get
        {
            var found = ImmutableArray.CreateBuilder<NftExpressionState>();
            var list = new AttributeReader(ExpressionList.AsSpan());
            while (list.TryRead(out var element))
            {
                found.Add(ReadExpression(element.Nested));
            }

            return found.DrainToImmutable();
        }
    }

    /// <summary>What its steps do, to compare with <see cref="NftRuleContent.Of"/> of a rule that was sent; made each time it is asked for.
    /// </summary>
    public NftRuleContent Content => NftRuleContent.Read(ExpressionList.AsSpan());

    /// <summary>Content of NFTA_RULE_EXPRESSIONS.</summary>
    internal ImmutableArray<byte> ExpressionList { get; init; } = [];

    /// <summary>The first counter in the rule itself, or null.</summary>
    public Counter? Counter
    {
        get
        {
            foreach (var expression in Expressions)
            {
                if (expression.Name != "counter")
                {
                    continue;
                }

                ulong packets = 0, bytes = 0;
                var attributes = new AttributeReader(expression.Content.AsSpan());
                while (attributes.TryRead(out var a))
                {
                    switch (a.Type)
                    {
                        case NftMessages.NFTA_COUNTER_PACKETS: packets = a.U64BigEndian; break;
                        case NftMessages.NFTA_COUNTER_BYTES: bytes = a.U64BigEndian; break;
                    }
                }

                return new Counter(packets, bytes);
            }

            return null;
        }
    }

    private static NftExpressionState ReadExpression(AttributeReader attributes)
    {
        var name = "";
        ImmutableArray<byte> content = [];
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_EXPR_NAME: name = a.Text; break;
                case NftMessages.NFTA_EXPR_DATA: content = [.. a.Content]; break;
            }
        }

        return new NftExpressionState(name, content);
    }
}
