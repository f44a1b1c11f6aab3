using Calico.Datastore.Sync;

namespace Calico.Felix.Rules;

/// <summary>Where a rule comes from.</summary>
/// <param name="Source">The resource.</param>
/// <param name="Tier">Its tier; empty for a profile.</param>
/// <param name="RuleIndex">From 0 in its direction; -1: the resource as a whole.</param>
/// <param name="Revision">Of the resource; empty: it is not in the store.</param>
/// <param name="Note">Why it is not what its author wrote; empty otherwise.</param>
public sealed record Provenance(ResourceKey Source, string Tier, int RuleIndex, string Revision, string Note = "")
{
    /// <summary>In which direction, where the resource has rules of both.</summary>
    public PolicyDirection? Direction { get; init; }

    /// <summary>Whether the rule is what a tier does with a packet that none of its policies decided.</summary>
    public bool IsEndOfTier => Source == default;

    /// <summary>The end of a tier, which no resource says: it follows from the tier's default action.</summary>
    public static Provenance EndOfTier(string tier) => new(default, tier, -1, "");

    public override string ToString() => IsEndOfTier ? $"end of tier {Tier}" : (Tier.Length == 0 ? "" : $"{Tier}/") + Source
        + (RuleIndex < 0 ? "" : $" rule {RuleIndex}") + (Revision.Length == 0 ? "" : $" @{Revision}")
        + (Note.Length == 0 ? "" : $": {Note}");
}
