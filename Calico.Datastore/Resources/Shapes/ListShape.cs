using System.Text.Json;
using System.Text.Json.Nodes;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>A list of values of one shape.</summary>
public sealed class ListShape(Shape item) : Shape
{
    /// <summary>Shape of each item.</summary>
    public Shape Item => item;

    /// <summary>0: any number.</summary>
    public int MaxItems { get; init; }

    public int MinItems { get; init; }

    /// <summary>Whether no value may occur twice.</summary>
    public bool Set { get; init; }

    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            report.Add(path, "must be a list", value);
            return;
        }

        var count = value.GetArrayLength();
        if (MaxItems > 0 && count > MaxItems)
        {
            report.Add(path, $"must have at most {MaxItems} items");
        }

        if (count < MinItems)
        {
            report.Add(path, $"must have at least {MinItems} items");
        }

        var seen = Set ? new HashSet<string>(StringComparer.Ordinal) : null;
        var index = 0;
        foreach (var element in value.EnumerateArray())
        {
            var at = $"{path}[{index++}]";
            if (element.ValueKind == JsonValueKind.Null)
            {
                report.Add(at, "must not be null");
                continue;
            }

            item.Check(element, at, report);
            if (seen?.Add(element.GetRawText()) == false)
            {
                report.Add(at, "duplicate value", element);
            }
        }
    }

    public override JsonNode Complete(JsonNode value)
    {
        if (value is JsonArray array)
        {
            for (var i = 0; i < array.Count; i++)
            {
                if (array[i] is { } old && item.Complete(old) is var complete && !ReferenceEquals(old, complete))
                {
                    array[i] = complete;
                }
            }
        }

        return value;
    }
}
