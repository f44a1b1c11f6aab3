using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>True or false.</summary>
public sealed class FlagShape : Shape
{
    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            report.Add(path, "must be true or false", value);
        }
    }
}
