using System.Buffers;
using System.Runtime.CompilerServices;

// The split into tokens is upstream's too, and its vectors can judge it only if they see it.
[assembly: InternalsVisibleTo("VectorTests")]

namespace Calico.Datastore.Selectors;

/// <summary>Splits selector text into tokens.</summary>
/// <remarks>Words have no fixed meaning: a keyword is a keyword only by position. After a label only an operator can stand; elsewhere
/// <c>has(</c>, <c>all()</c> and <c>global()</c> are tried before a label, so <c>in in {"a"}</c> is a comparison of the label
/// <c>in</c>. White space is space and tab; a line break outside quotes is an error, as upstream.</remarks>
internal static class SelectorTokenizer
{
    /// <summary>Upstream's bound of a label name.</summary>
    private const int MaxLabelLength = 512;

    private static readonly SearchValues<char> LabelCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-");

    public static List<SelectorToken> Tokenize(string text)
    {
        var tokens = new List<SelectorToken>();
        var rest = text.AsSpan();
        while (true)
        {
            rest = rest.TrimStart(" \t");
            if (rest.IsEmpty)
            {
                tokens.Add(new(SelectorTokenKind.End));
                return tokens;
            }

            var afterLabel = tokens.Count > 0 && tokens[^1].Kind == SelectorTokenKind.Label;
            tokens.Add(TakePunctuation(ref rest) ?? (afterLabel ? TakeWordOperator(ref rest, tokens[^1].Text) : TakeOperand(ref rest)));
        }
    }

    private static SelectorToken? TakePunctuation(ref ReadOnlySpan<char> rest)
    {
        switch (rest[0])
        {
            case '(':
                return Take(ref rest, 1, SelectorTokenKind.LeftParenthesis);
            case ')':
                return Take(ref rest, 1, SelectorTokenKind.RightParenthesis);
            case '{':
                return Take(ref rest, 1, SelectorTokenKind.LeftBrace);
            case '}':
                return Take(ref rest, 1, SelectorTokenKind.RightBrace);
            case ',':
                return Take(ref rest, 1, SelectorTokenKind.Comma);
            case '"' or '\'':
                return TakeLiteral(ref rest);
            case '=':
                return TakeDouble(ref rest, "==", SelectorTokenKind.Equal);
            case '&':
                return TakeDouble(ref rest, "&&", SelectorTokenKind.And);
            case '|':
                return TakeDouble(ref rest, "||", SelectorTokenKind.Or);
            case '!':
                return rest.StartsWith("!=")
                    ? Take(ref rest, 2, SelectorTokenKind.NotEqual)
                    : Take(ref rest, 1, SelectorTokenKind.Not);
            default:
                return null;
        }
    }

    private static SelectorToken Take(ref ReadOnlySpan<char> rest, int length, SelectorTokenKind kind)
    {
        rest = rest[length..];
        return new(kind);
    }

    private static SelectorToken TakeDouble(ref ReadOnlySpan<char> rest, string sign, SelectorTokenKind kind) =>
        rest.StartsWith(sign) ? Take(ref rest, sign.Length, kind) : throw new SelectorSyntaxException($"expected {sign}");

    /// <summary>Either quote; no escapes: the other quote is how a quote is written.</summary>
    private static SelectorToken TakeLiteral(ref ReadOnlySpan<char> rest)
    {
        var end = rest[1..].IndexOf(rest[0]);
        if (end < 0)
        {
            throw new SelectorSyntaxException("unterminated string");
        }

        var literal = rest.Slice(1, end).ToString();
        rest = rest[(end + 2)..];
        return new(SelectorTokenKind.StringLiteral, literal);
    }

    private static SelectorToken TakeWordOperator(ref ReadOnlySpan<char> rest, string label)
    {
        if (TryWords(ref rest, "contains"))
        {
            return new(SelectorTokenKind.Contains);
        }

        if (TryWords(ref rest, "startswith") || TryWords(ref rest, "starts", "with"))
        {
            return new(SelectorTokenKind.StartsWith);
        }

        if (TryWords(ref rest, "endswith") || TryWords(ref rest, "ends", "with"))
        {
            return new(SelectorTokenKind.EndsWith);
        }

        if (TryWords(ref rest, "notin") || TryWords(ref rest, "not", "in"))
        {
            return new(SelectorTokenKind.NotIn);
        }

        return TryWords(ref rest, "in")
            ? new(SelectorTokenKind.In)
            : throw new SelectorSyntaxException($"expected operator after label \"{label}\"");
    }

    /// <summary>One word, or two with white space between; after the last one a word must end.</summary>
    private static bool TryWords(ref ReadOnlySpan<char> rest, string first, string? second = null)
    {
        if (!rest.StartsWith(first))
        {
            return false;
        }

        var after = rest[first.Length..];
        if (second is not null)
        {
            var gap = after.TrimStart(" \t");
            if (gap.Length == after.Length || !gap.StartsWith(second))
            {
                return false;
            }

            after = gap[second.Length..];
        }

        if (!after.IsEmpty && (char.IsAsciiLetterOrDigit(after[0]) || after[0] == '_'))
        {
            return false;
        }

        rest = after;
        return true;
    }

    private static SelectorToken TakeOperand(ref ReadOnlySpan<char> rest)
    {
        if (rest.StartsWith("has("))
        {
            rest = rest["has(".Length..].TrimStart(" \t");
            var label = TakeLabel(ref rest);
            Close(ref rest, "has(");
            return new(SelectorTokenKind.Has, label);
        }

        if (rest.StartsWith("all("))
        {
            rest = rest["all(".Length..];
            Close(ref rest, "all(");
            return new(SelectorTokenKind.All);
        }

        if (rest.StartsWith("global("))
        {
            rest = rest["global(".Length..];
            Close(ref rest, "global(");
            return new(SelectorTokenKind.Global);
        }

        return new(SelectorTokenKind.Label, TakeLabel(ref rest));
    }

    private static void Close(ref ReadOnlySpan<char> rest, string opened)
    {
        rest = rest.TrimStart(" \t");
        if (rest.IsEmpty || rest[0] != ')')
        {
            throw new SelectorSyntaxException($"no closing ')' after {opened}");
        }

        rest = rest[1..];
    }

    private static string TakeLabel(ref ReadOnlySpan<char> rest)
    {
        var end = rest.IndexOfAnyExcept(LabelCharacters);
        var length = end < 0 ? rest.Length : end;
        if (length == 0)
        {
            throw new SelectorSyntaxException("expected identifier");
        }

        if (length > MaxLabelLength)
        {
            throw new SelectorSyntaxException($"a label name has at most {MaxLabelLength} characters");
        }

        var label = rest[..length].ToString();
        rest = rest[length..];
        return label;
    }
}
