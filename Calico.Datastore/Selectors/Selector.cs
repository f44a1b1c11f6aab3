using System.Buffers.Text;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Calico.Datastore.Selectors;

/// <summary>A selector over labels, in upstream's language.</summary>
/// <remarks>Immutable; equal when the canonical texts are. Text is bounded in length and depth, so that a hostile one costs no more
/// than a long one. Comparisons are by byte and case-sensitive.</remarks>
public sealed class Selector : IEquatable<Selector>
{
    /// <summary>Characters. Upstream allows 1,024 in a field; selectors made from several fields are longer.</summary>
    public const int MaxLength = 16384;

    /// <summary>Matches everything.</summary>
    public static readonly Selector All = new(AllNode.Instance);

    private readonly SelectorNode _root;
    private ImmutableSortedDictionary<string, LabelRestriction>? _restrictions;
    private string? _id;

    private Selector(SelectorNode root)
    {
        _root = root;
        var text = new StringBuilder();
        root.Format(text);
        Canonical = text.ToString();
    }

    /// <summary>The one text of all selectors that differ only in writing.</summary>
    public string Canonical { get; }

    /// <summary>Upstream's unique id: <c>s:</c> and the SHA-224 of the canonical text; names IP sets.</summary>
    public string Id => _id ??= "s:" + Base64Url.EncodeToString(Sha224.Hash(Encoding.UTF8.GetBytes("s:" + Canonical)));

    /// <summary>Necessary conditions by label, for an index: see <see cref="LabelRestriction"/>.</summary>
    public ImmutableSortedDictionary<string, LabelRestriction> Restrictions => _restrictions ??= _root.Restrictions;

    /// <summary>Whether <c>global()</c> occurs: allowed only as a rule's whole namespaceSelector.</summary>
    public bool UsesGlobal => _root.UsesGlobal;

    /// <summary>Parses; empty or blank text is <c>all()</c>.</summary>
    /// <param name="text">Selector text.</param>
    /// <param name="selector">Null when refused.</param>
    /// <param name="error">What is wrong with it, for a person; null otherwise.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out Selector? selector, [NotNullWhen(false)] out string? error)
    {
        (selector, error) = (null, null);
        if (text.Length > MaxLength)
        {
            error = $"a selector has at most {MaxLength} characters";
            return false;
        }

        try
        {
            selector = new(SelectorParser.Parse(text));
            return true;
        }
        catch (SelectorSyntaxException e)
        {
            error = e.Message;
            return false;
        }
    }

    /// <summary>Everything that has the label with this value.</summary>
    public static Selector LabelEquals(string label, string value) => new(new CompareNode(label, Comparison.Equal, value));

    /// <summary>Everything that has the label with one of the values.</summary>
    public static Selector LabelIn(string label, IEnumerable<string> values) => new(new SetNode(label, values, negated: false));

    /// <summary>Whether labels match. A label that is not there is absent.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> labels) => _root.Matches(labels);

    /// <summary>Whether labels match when only some are known.</summary>
    /// <param name="known">Labels whose value is settled. Any other may still come, with any value.</param>
    public Truth Decide(IReadOnlyDictionary<string, string> known) => _root.Decide(known);

    /// <summary>Both.</summary>
    public Selector And(Selector other) => new(new AndNode([_root, other._root]));

    /// <summary>The same expression over labels that start with <paramref name="prefix"/> (<c>pcns.</c>, <c>pcsa.</c>).</summary>
    public Selector WithPrefix(string prefix) => new(_root.Rewrite(new(prefix, AllNode.Instance, GlobalNode.Instance)));

    /// <summary>As <see cref="WithPrefix"/>, and <c>all()</c> becomes "has <paramref name="marker"/>", <c>global()</c> "has it not":
    /// how a selector over namespaces or service accounts becomes one over endpoints.</summary>
    public Selector OverOwners(string prefix, string marker)
    {
        var has = new HasNode(marker);
        return new(_root.Rewrite(new(prefix, has, NotNode.Of(has))));
    }

    public bool Equals(Selector? other) => other is not null && string.Equals(Canonical, other.Canonical, StringComparison.Ordinal);

    public override bool Equals(object? obj) => Equals(obj as Selector);

    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(Canonical);

    public override string ToString() => Canonical;
}
