using System.Text.Json;
using System.Text.Json.Nodes;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>A number or a text (protocol, port, AS number).</summary>
/// <param name="check">Returns what is wrong, or null.</param>
public sealed class NumberOrTextShape(Func<NumberOrString, string?> check) : Shape
{
    /// <summary>The canonical spelling of a text; the text itself when it has none.</summary>
    public Func<string, string> Canonical { get; init; } = text => text;

    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number when value.TryGetInt64(out var number):
                Add(check(new(number)), value, path, report);
                break;
            case JsonValueKind.String:
                var text = value.GetString()!;
                var canonical = report.AcceptOtherSpellings ? Canonical(text) : text;
                if (canonical != text)
                {
                    report.MarkIncomplete();
                }

                Add(check(new(canonical)), value, path, report);
                break;
            default:
                report.Add(path, "must be a whole number or a string", value);
                break;
        }
    }

    public override JsonNode Complete(JsonNode value) =>
        value is JsonValue single && single.TryGetValue(out string? text) && Canonical(text) is var canonical && canonical != text
            ? JsonValue.Create(canonical)
            : value;

    private static void Add(string? wrong, JsonElement value, string path, ShapeReport report)
    {
        if (wrong is not null)
        {
            report.Add(path, wrong, value);
        }
    }
}
