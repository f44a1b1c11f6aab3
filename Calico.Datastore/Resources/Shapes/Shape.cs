using System.Text.Json;
using System.Text.Json.Nodes;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>What a JSON value has to look like. One tree of shapes per kind is what validation, strict reading of what users write,
/// and defaults come from.</summary>
/// <remarks>Immutable and shared. Null counts as absent and is never given to <see cref="Check"/>.</remarks>
public abstract class Shape
{
    /// <summary>Adds to the report whatever is wrong with a value.</summary>
    public abstract void Check(JsonElement value, string path, ShapeReport report);

    /// <summary>Fills in defaults and canonical spellings.</summary>
    /// <returns>The value itself, changed in place, or what takes its place.</returns>
    public virtual JsonNode Complete(JsonNode value) => value;

    /// <summary>Reads every text of a value that no shape looks into: it is carried along, so it must be one that can be written.</summary>
    /// <exception cref="InvalidOperationException">One is not Unicode.</exception>
    internal static void ReadTexts(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                _ = value.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    ReadTexts(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
        }
    }

    /// <summary>Go does not write an empty optional value, so that it is as good as absent.</summary>
    internal static bool IsAbsent(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => true,
        JsonValueKind.String => value.ValueEquals(""u8),
        _ => false,
    };
}
