using Calico.Felix.Rules;

namespace Calico.Dataplane.Translation;

/// <summary>How the rules of all lists ask each IP set: for what is in it, or for what is not.</summary>
internal sealed class SetUses
{
    private readonly Dictionary<string, (int Presence, int Absence)> _uses = new(StringComparer.Ordinal);

    /// <summary>Whether rules ask only for what is not in the set. Of one that is asked both ways no order of changes is right.</summary>
    public bool AsksAbsence(string set) => _uses.TryGetValue(set, out var uses) && uses is { Presence: 0, Absence: > 0 };

    /// <returns>The sets that it asks.</returns>
    public IEnumerable<string> Add(RuleList list) => Count(list, 1);

    /// <inheritdoc cref="Add"/>
    public IEnumerable<string> Remove(RuleList list) => Count(list, -1);

    private HashSet<string> Count(RuleList list, int by)
    {
        var asked = new HashSet<string>(StringComparer.Ordinal);
        foreach (var rule in list.Rules.Items)
        {
            // What is staged decides nothing, so it does not decide either in which order a set changes.
            var uses = rule.IsStaged ? 0 : by;
            Count(rule.Match.Source, uses, asked);
            Count(rule.Match.Destination, uses, asked);
        }

        return asked;
    }

    private void Count(SideMatch side, int uses, HashSet<string> asked)
    {
        // Most rules ask no set, and a list is counted whole whenever one of its rules changes.
        if (side is { Set: null, PortSet: null, NotSet: null, NotPortSets.IsEmpty: true })
        {
            return;
        }

        foreach (var set in new[] { side.Set, side.PortSet }.OfType<string>())
        {
            Count(set, uses, 0);
        }

        foreach (var set in side.NotPortSets.Items.Append(side.NotSet).OfType<string>())
        {
            Count(set, 0, uses);
        }

        asked.UnionWith(side.Sets);
    }

    private void Count(string set, int presence, int absence)
    {
        var uses = _uses.GetValueOrDefault(set);
        uses = (uses.Presence + presence, uses.Absence + absence);
        if (uses == default)
        {
            _uses.Remove(set);
        }
        else
        {
            _uses[set] = uses;
        }
    }
}
