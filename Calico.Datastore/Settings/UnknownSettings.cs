using Calico.Datastore.Output;

namespace Calico.Datastore.Settings;

/// <summary>Variables of the environment that look like settings and are none: one that is misspelt changes nothing, and whoever set it
/// believes that it did.</summary>
public static class UnknownSettings
{
    private const string OwnPrefix = "CALICO_";
    private const int MaxLetters = 2;

    /// <summary>A line for each, by name.</summary>
    /// <param name="variables">Names in the environment.</param>
    /// <param name="known">Every setting's variable, without our prefix.</param>
    public static IEnumerable<string> Describe(IEnumerable<string> variables, IReadOnlyCollection<string> known) =>
        from name in variables.Order(StringComparer.Ordinal)
        where name.StartsWith(OwnPrefix, StringComparison.Ordinal) || name.StartsWith("FELIX_", StringComparison.Ordinal)
        let plain = Plain(name)
        where !known.Contains(name) && !known.Contains(plain)
        select FelixParameters.Has(plain)
            ? $"{name} has no effect: of upstream's parameters only those that calico-host --help lists are read here; "
                + "FelixConfiguration has the others"
            : $"{name} has no effect: there is no such setting{Meant(name, known)}";

    /// <summary>Variables that are one or two letters away from a setting, with what was meant; the others are nobody's business.</summary>
    /// <inheritdoc cref="Describe" path="/param"/>
    public static IEnumerable<string> DescribeMisspelt(IEnumerable<string> variables, IReadOnlyCollection<string> known) =>
        from name in variables.Where(name => MayBe(Plain(name), known)).Order(StringComparer.Ordinal)
        let plain = Plain(name)
        where !known.Contains(name) && !known.Contains(plain)
        let nearest = NearestWord.Of(plain, known, most: MaxLetters)
        where nearest is not null
        select $"{name} has no effect: there is no such setting; did you mean {nearest}?";

    // Before anything is compared letter by letter: this is asked at each start of a program that runs for 15 ms.
    private static bool MayBe(string plain, IReadOnlyCollection<string> known)
    {
        foreach (var word in known)
        {
            if (plain.Length > 0 && word[0] == plain[0] && Math.Abs(word.Length - plain.Length) <= MaxLetters)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Ends an error: what was meant, or nothing.</summary>
    internal static string Meant(string name, IEnumerable<string> known)
    {
        var nearest = NearestWord.Of(name, known) ?? (NearestWord.Of(Plain(name), known) is { } plain ? OwnPrefix + plain : null);
        return nearest is null ? "" : $"; did you mean {nearest}?";
    }

    private static string Plain(string name) => name.StartsWith(OwnPrefix, StringComparison.Ordinal) ? name[OwnPrefix.Length..] : name;
}
