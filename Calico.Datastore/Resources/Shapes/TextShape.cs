using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>A text. An empty one counts as absent.</summary>
/// <param name="format">Returns what is wrong with the text, or null.</param>
/// <param name="maxLength">Longest, counted as upstream's schema does; 0: any.</param>
public sealed class TextShape(Func<string, string?>? format = null, int maxLength = 0) : Shape
{
    /// <summary>Whether <see cref="Check"/> finds nothing wrong with a text.</summary>
    internal bool Fits(string text) => (maxLength == 0 || text.Length <= maxLength) && format?.Invoke(text) is null;

    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            report.Add(path, "must be a string", value);
            return;
        }

        var text = value.GetString()!;
        if (report.WithSchemaRules && maxLength > 0 && text.Length > maxLength)
        {
            report.Add(path, $"may not be longer than {maxLength}", value);
        }
        else if (format?.Invoke(text) is { } wrong)
        {
            report.Add(path, wrong, value);
        }
    }
}
