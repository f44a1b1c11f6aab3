namespace Calico.Datastore.Resources.Formats;

/// <summary>The few patterns that names of endpoints follow, read character by character: a node that starts asks them some hundred
/// thousand times, and a regular expression takes several times as long.</summary>
internal static class NameCharacters
{
    /// <summary>Labels of lower case letters, digits and, within, hyphens; with dots between them.</summary>
    public static bool IsSubdomain(ReadOnlySpan<char> text)
    {
        var before = '.';
        foreach (var character in text)
        {
            var follows = character switch
            {
                '-' => before != '.',
                '.' => IsLowerOrDigit(before),
                _ => IsLowerOrDigit(character),
            };
            if (!follows)
            {
                return false;
            }

            before = character;
        }

        return IsLowerOrDigit(before);
    }

    /// <summary>Letters and digits, and others of which none is the first or the last.</summary>
    public static bool IsFramed(ReadOnlySpan<char> text, ReadOnlySpan<char> others) =>
        text is [var first, .., var last] ? char.IsAsciiLetterOrDigit(first) && char.IsAsciiLetterOrDigit(last) && IsOf(text, others)
        : text is [var only] && char.IsAsciiLetterOrDigit(only);

    /// <summary>Nothing but letters, digits and others.</summary>
    public static bool IsOf(ReadOnlySpan<char> text, ReadOnlySpan<char> others)
    {
        foreach (var character in text)
        {
            if (!char.IsAsciiLetterOrDigit(character) && !others.Contains(character))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsLowerOrDigit(char character) => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character);
}
