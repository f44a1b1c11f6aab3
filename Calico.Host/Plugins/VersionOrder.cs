using System.Globalization;

namespace Calico.Host.Plugins;

/// <summary>Versions as package feeds order them (SemVer 2.0.0 §11), so that what an upgrade calls the newest is what the host loads: by
/// number, a release after its candidates, candidates part by part, numbers before words; then by text, so that any two differ.</summary>
/// <remarks>Of its own: a start does not load the feeds' libraries for it.</remarks>
internal sealed class VersionOrder : IComparer<string>
{
    public static readonly VersionOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        var (a, b) = (Parse(x!), Parse(y!));
        return a.Number.CompareTo(b.Number) is var n and not 0 ? n
            : CompareCandidates(a.Candidate, b.Candidate) is var c and not 0 ? c
            : string.CompareOrdinal(x, y);
    }

    private static (Version Number, string[] Candidate) Parse(string text)
    {
        var parts = text.Split('+')[0].Split('-', 2);
        var number = Version.TryParse(parts[0].Contains('.', StringComparison.Ordinal) ? parts[0] : parts[0] + ".0", out var version)
            ? version : new(0, 0);
        // 1.2 is 1.2.0 and 1.2.0.0.
        return (new(number.Major, number.Minor, Math.Max(number.Build, 0), Math.Max(number.Revision, 0)),
            parts is [_, var candidate] ? candidate.Split('.') : []);
    }

    private static int CompareCandidates(string[] a, string[] b)
    {
        if (a.Length == 0 || b.Length == 0)
        {
            return b.Length.CompareTo(a.Length);
        }

        var differing = a.Zip(b, ComparePart).FirstOrDefault(c => c != 0);
        return differing != 0 ? differing : a.Length.CompareTo(b.Length);
    }

    private static int ComparePart(string a, string b) =>
        (TryNumber(a, out var one), TryNumber(b, out var other)) switch
        {
            (true, true) => one.CompareTo(other),
            (true, false) => -1,
            (false, true) => 1,
            _ => string.Compare(a, b, StringComparison.OrdinalIgnoreCase),
        };

    private static bool TryNumber(string text, out ulong number) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
