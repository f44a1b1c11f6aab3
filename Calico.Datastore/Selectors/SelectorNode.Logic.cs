using System.Collections.Immutable;
using System.Text;

namespace Calico.Datastore.Selectors;

/// <summary><c>!</c>.</summary>
internal sealed class NotNode : SelectorNode
{
    private readonly SelectorNode _operand;

    private NotNode(SelectorNode operand) => _operand = operand;

    /// <summary>Twice is not at all: otherwise <c>!(!x)</c> would print as <c>!!x</c>, which parses to <c>x</c>.</summary>
    public static SelectorNode Of(SelectorNode operand) => operand is NotNode twice ? twice._operand : new NotNode(operand);

    public override bool UsesGlobal => _operand.UsesGlobal;

    public override ImmutableSortedDictionary<string, LabelRestriction> Restrictions => _operand is HasNode has
        ? Unrestricted.Add(has.Label, new(MustBePresent: false, MustBeAbsent: true, OneOf: null))
        : Unrestricted;

    public override bool Matches(IReadOnlyDictionary<string, string> labels) => !_operand.Matches(labels);

    public override Truth Decide(IReadOnlyDictionary<string, string> known) => _operand.Decide(known) switch
    {
        Truth.True => Truth.False,
        Truth.False => Truth.True,
        _ => Truth.Unknown,
    };

    public override void Format(StringBuilder text)
    {
        text.Append('!');
        _operand.Format(text);
    }

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => Of(_operand.Rewrite(rewrite));
}

/// <summary><c>&amp;&amp;</c> over two or more.</summary>
internal sealed class AndNode(ImmutableArray<SelectorNode> operands) : SelectorNode
{
    public override bool UsesGlobal => operands.Any(o => o.UsesGlobal);

    public override ImmutableSortedDictionary<string, LabelRestriction> Restrictions
    {
        get
        {
            var all = Unrestricted.ToBuilder();
            foreach (var (label, restriction) in operands.SelectMany(o => o.Restrictions))
            {
                all[label] = all.TryGetValue(label, out var other) ? other.And(restriction) : restriction;
            }

            return all.ToImmutable();
        }
    }

    public override bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        foreach (var operand in operands)
        {
            if (!operand.Matches(labels))
            {
                return false;
            }
        }

        return true;
    }

    public override Truth Decide(IReadOnlyDictionary<string, string> known)
    {
        var least = Truth.True;
        foreach (var operand in operands)
        {
            least = (Truth)Math.Min((int)least, (int)operand.Decide(known));
        }

        return least;
    }

    public override void Format(StringBuilder text) => FormatGroup(text, operands, " && ");

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => new AndNode([.. operands.Select(o => o.Rewrite(rewrite))]);

    public static void FormatGroup(StringBuilder text, ImmutableArray<SelectorNode> operands, string between)
    {
        text.Append('(');
        for (var i = 0; i < operands.Length; i++)
        {
            text.Append(i == 0 ? "" : between);
            operands[i].Format(text);
        }

        text.Append(')');
    }
}

/// <summary><c>||</c> over two or more.</summary>
internal sealed class OrNode(ImmutableArray<SelectorNode> operands) : SelectorNode
{
    public override bool UsesGlobal => operands.Any(o => o.UsesGlobal);

    public override ImmutableSortedDictionary<string, LabelRestriction> Restrictions
    {
        get
        {
            var common = operands[0].Restrictions;
            foreach (var operand in operands.Skip(1))
            {
                var next = Unrestricted.ToBuilder();
                var theirs = operand.Restrictions;
                foreach (var (label, restriction) in common)
                {
                    if (theirs.TryGetValue(label, out var other) && restriction.Or(other) is { } either)
                    {
                        next[label] = either;
                    }
                }

                common = next.ToImmutable();
            }

            return common;
        }
    }

    public override bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        foreach (var operand in operands)
        {
            if (operand.Matches(labels))
            {
                return true;
            }
        }

        return false;
    }

    public override Truth Decide(IReadOnlyDictionary<string, string> known)
    {
        var most = Truth.False;
        foreach (var operand in operands)
        {
            most = (Truth)Math.Max((int)most, (int)operand.Decide(known));
        }

        return most;
    }

    public override void Format(StringBuilder text) => AndNode.FormatGroup(text, operands, " || ");

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => new OrNode([.. operands.Select(o => o.Rewrite(rewrite))]);
}
