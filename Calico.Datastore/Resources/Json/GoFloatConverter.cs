using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.Json;

/// <summary>Fractions as upstream's Go writes them: the shortest digits that read back the same, with an exponent only below a
/// millionth and from 10²¹ up.</summary>
public sealed class GoFloatConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDouble() is var number && double.IsFinite(number) ? number
            : throw new JsonException("a number that 64 bits hold is expected");

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteRawValue(Format(value));

    private static string Format(double value)
    {
        var shortest = value.ToString("R", CultureInfo.InvariantCulture);
        return Math.Abs(value) is 0 or (>= 1e-6 and < 1e21)
            // 17 digits behind five zeros are few enough for a decimal, which is written without an exponent.
            ? shortest.Contains('E', StringComparison.Ordinal)
                ? decimal.Parse(shortest, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture)
                : shortest
            : shortest.Replace("E-0", "e-", StringComparison.Ordinal).Replace('E', 'e');
    }
}
