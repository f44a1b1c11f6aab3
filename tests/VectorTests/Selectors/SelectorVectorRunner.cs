using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Selectors;

namespace Calico.VectorTests.Selectors;

/// <summary>Judges <c>selectors.json</c>: parsing, matching, canonical text, ids, prefixes, restrictions and the split into tokens.
/// </summary>
public sealed class SelectorVectorRunner : IVectorRunner
{
    public string File => "selectors.json";

    public VectorVerdict Run(JsonElement vector)
    {
        var text = vector.GetProperty("selector").GetString()!;
        var valid = vector.GetProperty("valid").GetBoolean();
        var kind = vector.GetProperty("kind").GetString();
        if (kind == "tokenize")
        {
            return JudgeTokens(text, valid, vector);
        }

        if (!Selector.TryParse(text, out var selector, out var error))
        {
            return valid ? VectorVerdict.Fail($"refused: {error}") : VectorVerdict.Pass;
        }

        if (!valid)
        {
            return VectorVerdict.Fail($"accepted as {selector}; upstream says {vector.GetProperty("upstreamError")}");
        }

        return Differences(selector, kind!, vector).FirstOrDefault() is { } difference ? VectorVerdict.Fail(difference)
            : VectorVerdict.Pass;
    }

    private static IEnumerable<string> Differences(Selector selector, string kind, JsonElement vector)
    {
        if (Text(vector, "canonical") is { } canonical && canonical != selector.Canonical)
        {
            yield return $"canonical {selector.Canonical}, not {canonical}";
        }

        if (Text(vector, "uid") is { } id && id != selector.Id)
        {
            yield return $"id {selector.Id}, not {id}";
        }

        if (Text(vector, "prefix") is { } prefix && selector.WithPrefix(prefix).Canonical is var prefixed
            && prefixed != Text(vector, "canonicalAfterPrefix"))
        {
            yield return $"prefixed {prefixed}, not {Text(vector, "canonicalAfterPrefix")}";
        }

        if (vector.TryGetProperty("cases", out var cases))
        {
            foreach (var given in cases.EnumerateArray())
            {
                var labels = given.GetProperty("labels").EnumerateObject()
                    .ToImmutableDictionary(label => label.Name, label => label.Value.GetString()!);
                if (selector.Matches(labels) != given.GetProperty("match").GetBoolean())
                {
                    yield return $"wrong for {given}";
                }
            }
        }

        if (kind == "label-restrictions" && Format(selector.Restrictions) is var ours && ours != Format(vector))
        {
            yield return $"restrictions {ours}, not {Format(vector)}";
        }
    }

    private static string Format(ImmutableSortedDictionary<string, LabelRestriction> restrictions) => string.Join("; ",
        restrictions.Select(r =>
        $"{r.Key} {r.Value.MustBePresent} {r.Value.MustBeAbsent} {(r.Value.OneOf is { } values ? string.Join(',', values) : "any")}"));

    private static string Format(JsonElement vector)
    {
        var restrictions = vector.GetProperty("labelRestrictions");
        return restrictions.ValueKind == JsonValueKind.Null ? "" : string.Join("; ", restrictions.EnumerateObject()
            .OrderBy(r => r.Name, StringComparer.Ordinal)
            .Select(r => $"{r.Name} {r.Value.GetProperty("mustBePresent").GetBoolean()} {r.Value.GetProperty("mustBeAbsent").GetBoolean()} "
                + (r.Value.GetProperty("mustHaveOneOfValues") is { ValueKind: JsonValueKind.Array } values
                    ? string.Join(',', values.EnumerateArray().Select(v => v.GetString())) : "any")));
    }

    private static VectorVerdict JudgeTokens(string text, bool valid, JsonElement vector)
    {
        List<SelectorToken> tokens;
        try
        {
            tokens = SelectorTokenizer.Tokenize(text);
        }
        catch (SelectorSyntaxException e)
        {
            return valid ? VectorVerdict.Fail($"refused: {e.Message}") : VectorVerdict.Pass;
        }

        if (!valid)
        {
            return VectorVerdict.Fail($"accepted as {string.Join(' ', tokens)}");
        }

        var expected = vector.GetProperty("tokens").EnumerateArray()
            .Select(t => new SelectorToken(Kind(t[0].GetString()!), t[1].GetString()!));
        return tokens.SequenceEqual(expected) ? VectorVerdict.Pass : VectorVerdict.Fail($"split into {string.Join(' ', tokens)}");
    }

    private static SelectorTokenKind Kind(string upstream) => upstream switch
    {
        "Eq" => SelectorTokenKind.Equal,
        "Ne" => SelectorTokenKind.NotEqual,
        "LParen" => SelectorTokenKind.LeftParenthesis,
        "RParen" => SelectorTokenKind.RightParenthesis,
        "LBrace" => SelectorTokenKind.LeftBrace,
        "RBrace" => SelectorTokenKind.RightBrace,
        "EOF" => SelectorTokenKind.End,
        _ => Enum.Parse<SelectorTokenKind>(upstream),
    };

    private static string? Text(JsonElement vector, string name) =>
        vector.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
