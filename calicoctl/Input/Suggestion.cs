using Calico.Datastore.Output;

namespace Calico.Cli.Input;

/// <summary>"Did you mean": the known word that is nearest to one that is not known.</summary>
internal static class Suggestion
{
    /// <summary>A line to append to an error, or nothing.</summary>
    internal static string For(string word, IEnumerable<string> known) =>
        NearestWord.Of(word, known) is { } nearest ? $"\nDid you mean '{nearest}'?" : "";
}
