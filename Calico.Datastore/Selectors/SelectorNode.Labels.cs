using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text;

namespace Calico.Datastore.Selectors;

internal enum Comparison
{
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
}

/// <summary><c>has(label)</c>.</summary>
internal sealed class HasNode(string label) : SelectorNode
{
    public string Label => label;

    public override bool UsesGlobal => false;

    public override ImmutableSortedDictionary<string, LabelRestriction> Restrictions =>
        Unrestricted.Add(label, new(MustBePresent: true, MustBeAbsent: false, OneOf: null));

    public override bool Matches(IReadOnlyDictionary<string, string> labels) => labels.ContainsKey(label);

    public override Truth Decide(IReadOnlyDictionary<string, string> known) => known.ContainsKey(label) ? Truth.True : Truth.Unknown;

    public override void Format(StringBuilder text) => text.Append("has(").Append(label).Append(')');

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => new HasNode(rewrite.LabelPrefix + label);
}

/// <summary>A label against a literal.</summary>
internal sealed class CompareNode(string label, Comparison comparison, string value) : SelectorNode
{
    public override bool UsesGlobal => false;

    public override ImmutableSortedDictionary<string, LabelRestriction> Restrictions => comparison switch
    {
        Comparison.NotEqual => Unrestricted,
        Comparison.Equal => Unrestricted.Add(label, new(MustBePresent: true, MustBeAbsent: false, [value])),
        _ => Unrestricted.Add(label, new(MustBePresent: true, MustBeAbsent: false, OneOf: null)),
    };

    public override bool Matches(IReadOnlyDictionary<string, string> labels) =>
        labels.TryGetValue(label, out var actual) ? Compare(actual) : comparison == Comparison.NotEqual;

    public override Truth Decide(IReadOnlyDictionary<string, string> known) =>
        !known.TryGetValue(label, out var actual) ? Truth.Unknown : Compare(actual) ? Truth.True : Truth.False;

    public override void Format(StringBuilder text)
    {
        text.Append(label).Append(comparison switch
        {
            Comparison.Equal => " == ",
            Comparison.NotEqual => " != ",
            Comparison.Contains => " contains ",
            Comparison.StartsWith => " starts with ",
            _ => " ends with ",
        });
        FormatLiteral(text, value);
    }

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => new CompareNode(rewrite.LabelPrefix + label, comparison, value);

    public static void FormatLiteral(StringBuilder text, string value)
    {
        // A literal has no escapes, so one that holds both quotes cannot exist.
        var quote = value.Contains('"') ? '\'' : '"';
        text.Append(quote).Append(value).Append(quote);
    }

    private bool Compare(string actual) => comparison switch
    {
        Comparison.Equal => string.Equals(actual, value, StringComparison.Ordinal),
        Comparison.NotEqual => !string.Equals(actual, value, StringComparison.Ordinal),
        Comparison.Contains => actual.Contains(value, StringComparison.Ordinal),
        Comparison.StartsWith => actual.StartsWith(value, StringComparison.Ordinal),
        _ => actual.EndsWith(value, StringComparison.Ordinal),
    };
}

/// <summary><c>in</c> and <c>not in</c>.</summary>
internal sealed class SetNode : SelectorNode
{
    private readonly string _label;
    private readonly bool _negated;
    private readonly ImmutableArray<string> _sorted;
    private readonly FrozenSet<string> _values;

    public SetNode(string label, IEnumerable<string> values, bool negated)
    {
        (_label, _negated) = (label, negated);
        _values = values.ToFrozenSet(StringComparer.Ordinal);
        _sorted = [.. _values.Order(Utf8Order.Instance)];
    }

    public override bool UsesGlobal => false;

    public override ImmutableSortedDictionary<string, LabelRestriction> Restrictions => _negated
        ? Unrestricted
        : Unrestricted.Add(_label, new(MustBePresent: true, MustBeAbsent: false, _sorted));

    public override bool Matches(IReadOnlyDictionary<string, string> labels) =>
        labels.TryGetValue(_label, out var actual) ? _values.Contains(actual) != _negated : _negated;

    public override Truth Decide(IReadOnlyDictionary<string, string> known)
    {
        if (_values.Count == 0)
        {
            return _negated ? Truth.True : Truth.False;
        }

        return !known.TryGetValue(_label, out var actual) ? Truth.Unknown
            : _values.Contains(actual) != _negated ? Truth.True : Truth.False;
    }

    public override void Format(StringBuilder text)
    {
        text.Append(_label).Append(_negated ? " not in {" : " in {");
        for (var i = 0; i < _sorted.Length; i++)
        {
            text.Append(i == 0 ? "" : ", ");
            CompareNode.FormatLiteral(text, _sorted[i]);
        }

        text.Append('}');
    }

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => new SetNode(rewrite.LabelPrefix + _label, _sorted, _negated);
}
