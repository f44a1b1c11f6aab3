using System.Collections.Immutable;
using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>One of a few texts.</summary>
public sealed class ChoiceShape(params ImmutableArray<string> choices) : Shape
{
    /// <summary>Whether case matters; upstream lets it pass for some fields.</summary>
    public bool AnyCase { get; init; }

    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        var comparer = AnyCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
        if (value.ValueKind != JsonValueKind.String || !choices.Contains(value.GetString()!, comparer))
        {
            report.Add(path, $"unsupported value; supported values: {string.Join(", ", choices)}", value);
        }
    }
}
