using System.Collections.Immutable;
using System.Text;

namespace Calico.Datastore.Selectors;

/// <summary>A node of the selector tree: immutable, and closed (the kinds are in <c>SelectorNode.*.cs</c>).</summary>
internal abstract class SelectorNode
{
    public static readonly ImmutableSortedDictionary<string, LabelRestriction> Unrestricted =
        ImmutableSortedDictionary.Create<string, LabelRestriction>(StringComparer.Ordinal);

    /// <summary>Whether labels match: each label is there with its value, or is absent.</summary>
    public abstract bool Matches(IReadOnlyDictionary<string, string> labels);

    /// <summary>Whether labels match when those that are not in <paramref name="known"/> may still come, with any value.</summary>
    public abstract Truth Decide(IReadOnlyDictionary<string, string> known);

    /// <summary>Appends the canonical text.</summary>
    public abstract void Format(StringBuilder text);

    /// <summary>The same tree with parts replaced.</summary>
    public abstract SelectorNode Rewrite(SelectorRewrite rewrite);

    /// <summary>What everything that matches has in common.</summary>
    public virtual ImmutableSortedDictionary<string, LabelRestriction> Restrictions => Unrestricted;

    public abstract bool UsesGlobal { get; }
}

/// <summary>What <see cref="SelectorNode.Rewrite"/> replaces.</summary>
internal sealed record SelectorRewrite(string LabelPrefix, SelectorNode All, SelectorNode Global);
