using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>A whole number within bounds.</summary>
public sealed class NumberShape(long least = int.MinValue, long most = int.MaxValue) : Shape
{
    /// <summary>What is wrong with a number within the bounds, or null.</summary>
    public Func<long, string?> Format { get; init; } = _ => null;

    /// <summary>What is said of any other value; null: the bounds, or what <see cref="Format"/> says.</summary>
    public string? Wanted { get; init; }

    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number))
        {
            report.Add(path, Wanted ?? "must be a whole number", value);
        }
        else if (number < least || number > most)
        {
            report.Add(path, Wanted ?? $"must be from {least} to {most}", value);
        }
        else if (Format(number) is { } wrong)
        {
            report.Add(path, Wanted ?? wrong, value);
        }
    }
}
