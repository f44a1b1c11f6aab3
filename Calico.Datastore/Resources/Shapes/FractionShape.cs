using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Any number (policy and tier orders).</summary>
public sealed class FractionShape : Shape
{
    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out _))
        {
            report.Add(path, "must be a number", value);
        }
    }
}
