using System.Collections.Immutable;

namespace Calico.Datastore.Selectors;

/// <summary>What a selector asks of one label of everything it matches: a necessary condition, never a sufficient one.</summary>
/// <param name="MustBePresent">Nothing without the label matches.</param>
/// <param name="MustBeAbsent">Nothing with the label matches.</param>
/// <param name="OneOf">Only these values match, in byte order; null: no such bound. Empty: nothing matches.</param>
public sealed record LabelRestriction(bool MustBePresent, bool MustBeAbsent, ImmutableArray<string>? OneOf)
{
    /// <summary>Both hold.</summary>
    internal LabelRestriction And(LabelRestriction other) => new(MustBePresent || other.MustBePresent, MustBeAbsent || other.MustBeAbsent,
        (OneOf, other.OneOf) switch
        {
            (null, _) => other.OneOf,
            (_, null) => OneOf,
            ({ } mine, { } theirs) => [.. mine.Where(v => theirs.Contains(v, StringComparer.Ordinal))],
        });

    /// <summary>One of both holds; null: nothing is left.</summary>
    internal LabelRestriction? Or(LabelRestriction other)
    {
        var either = new LabelRestriction(MustBePresent && other.MustBePresent, MustBeAbsent && other.MustBeAbsent,
            OneOf is { } mine && other.OneOf is { } theirs ? [.. mine.Union(theirs).Order(Utf8Order.Instance)] : null);
        return either.MustBePresent || either.MustBeAbsent || either.OneOf is not null ? either : null;
    }
}
