using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Texts by key (labels, annotations).</summary>
/// <param name="keyFormat">Returns what is wrong with a key, or null.</param>
/// <param name="valueFormat">Returns what is wrong with a value, or null.</param>
public sealed class MapShape(Func<string, string?>? keyFormat = null, Func<string, string?>? valueFormat = null) : Shape
{
    /// <summary>Most bytes of all keys and values together; 0: any.</summary>
    public int MaxBytes { get; init; }

    /// <summary>Whether <see cref="Check"/> finds nothing wrong with one of the texts; how large all are it does not ask.</summary>
    internal bool Fits(string key, string text) => keyFormat?.Invoke(key) is null && valueFormat?.Invoke(text) is null;

    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            report.Add(path, "must be a map", value);
            return;
        }

        long bytes = 0;
        foreach (var member in value.EnumerateObject())
        {
            var text = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : null;
            bytes += System.Text.Encoding.UTF8.GetByteCount(member.Name) + System.Text.Encoding.UTF8.GetByteCount(text ?? "");
            if (keyFormat?.Invoke(member.Name) is { } wrongKey)
            {
                report.Add(path, $"key {member.Name}: {wrongKey}");
            }

            if (text is null)
            {
                report.Add($"{path}[{member.Name}]", "must be a string", member.Value);
            }
            else if (valueFormat?.Invoke(text) is { } wrongValue)
            {
                report.Add($"{path}[{member.Name}]", wrongValue, member.Value);
            }
        }

        if (MaxBytes > 0 && bytes > MaxBytes)
        {
            report.Add(path, $"may not be larger than {MaxBytes} bytes in all");
        }
    }
}
