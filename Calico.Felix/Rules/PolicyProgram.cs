namespace Calico.Felix.Rules;

/// <summary>What an endpoint's packets of one direction are judged by: its tiers, then its profiles; after the last of them everything is
/// dropped.</summary>
/// <remarks>The kernel's rules, the text form and the oracle read this and the <see cref="RuleList"/>s it names, and nothing else, so
/// they cannot disagree. Two programs are equal when they ask the same lists in the same order.</remarks>
/// <param name="Tiers">In order.</param>
/// <param name="Profiles">Ids of the lists of its profiles, in order. A packet reaches them when every tier passed it on.</param>
public sealed record PolicyProgram(EquatableArray<ProgramTier> Tiers, EquatableArray<string> Profiles)
{
    /// <summary>No tier and no profile: everything is dropped.</summary>
    public static readonly PolicyProgram Empty = new([], []);

    /// <summary>What no list decides goes on, and is not dropped: of host endpoints' traffic that is forwarded, not tracked, or not yet
    /// translated.</summary>
    public bool PassesOn { get; init; }

    /// <summary>Whether it asks nothing.</summary>
    public bool IsEmpty => Tiers.IsEmpty && Profiles.IsEmpty;

    /// <summary>Ids of the lists, in the order in which they are asked.</summary>
    public IEnumerable<string> Lists => Tiers.Items.Select(tier => tier.List).Concat(Profiles.Items);

    /// <summary>The same for every program that asks the same lists, on every node and in every life of the process.</summary>
    public string Identity => string.Join('\n', Lists) + (PassesOn ? "\n..." : "");

    /// <summary>One line a rule, under its tier or profile.</summary>
    /// <param name="listOf">A list by its id; null: it is not there, and asks nothing.</param>
    public string ToText(Func<string, RuleList?> listOf)
    {
        var lines = new List<string>();
        foreach (var tier in Tiers)
        {
            lines.Add($"tier {tier.Name}: {string.Join(", ", tier.Policies)}");
            Append(tier.List);
            if (tier.Default != TierDefault.Deny)
            {
                lines.Add("  Pass any    # end of tier " + tier.Name);
            }
        }

        foreach (var profile in Profiles)
        {
            lines.Add(profile);
            Append(profile);
        }

        lines.Add(PassesOn ? "Pass any    # no policy decides" : "Deny any    # no profile decides");
        return string.Join('\n', lines);

        void Append(string list) => lines.AddRange(listOf(list)?.Rules.Items.Select(rule => "  " + rule) ?? []);
    }

    public override string ToString() => string.Join(',', Lists);
}
