using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Whatever others wrote there; nothing of ours reads it.</summary>
public sealed class AnyShape : Shape
{
    public override void Check(JsonElement value, string path, ShapeReport report) => ReadTexts(value);
}
