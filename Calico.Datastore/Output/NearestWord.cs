namespace Calico.Datastore.Output;

/// <summary>The known word that is nearest to one that is not known.</summary>
public static class NearestWord
{
    private const int MaxDistance = 3;

    /// <summary>Null: none is near enough to have been meant.</summary>
    /// <param name="word">As it was written; case does not count.</param>
    /// <param name="known">What may have been meant.</param>
    /// <param name="most">Letters that may differ.</param>
    public static string? Of(string word, IEnumerable<string> known, int most = MaxDistance) =>
        known.Select(candidate => (candidate, distance: Distance(word.ToLowerInvariant(), candidate.ToLowerInvariant())))
            .Where(pair => pair.distance <= Math.Min(most, word.Length / 2))
            .OrderBy(pair => pair.distance).ThenBy(pair => pair.candidate, StringComparer.Ordinal)
            .Select(pair => pair.candidate).FirstOrDefault();

    // Levenshtein's, one row at a time.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }
}
