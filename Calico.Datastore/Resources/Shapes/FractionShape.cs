using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Any number (policy and tier orders) that is not beyond what a 64-bit float holds: upstream cannot read that, and nobody could
/// write it back.</summary>
public sealed class FractionShape : Shape
{
    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || !double.IsFinite(number))
        {
            report.Add(path, "must be a number that 64 bits hold", value);
        }
    }
}
