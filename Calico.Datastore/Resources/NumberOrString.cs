using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>A field that is a number or a text (protocol, port); it is written back as it was read.</summary>
[JsonConverter(typeof(Converter))]
public readonly record struct NumberOrString(long? Number, string? Text)
{
    public NumberOrString(long number) : this(number, null) { }

    public NumberOrString(string text) : this(null, text) { }

    public override string ToString() => Text ?? Number?.ToString(CultureInfo.InvariantCulture) ?? "";

    internal sealed class Converter : JsonConverter<NumberOrString>
    {
        public override NumberOrString Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType switch
            {
                JsonTokenType.Number => new(reader.GetInt64()),
                JsonTokenType.String => new(reader.GetString()!),
                _ => throw new JsonException("a number or a text is expected"),
            };

        public override void Write(Utf8JsonWriter writer, NumberOrString value, JsonSerializerOptions options)
        {
            if (value.Number is { } number)
            {
                writer.WriteNumberValue(number);
            }
            else
            {
                writer.WriteStringValue(value.Text);
            }
        }
    }
}
