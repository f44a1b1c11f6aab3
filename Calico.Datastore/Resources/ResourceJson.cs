using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Calico.Datastore.Resources.Json;

namespace Calico.Datastore.Resources;

/// <summary>How Calico's values are written as JSON: upstream's member names and order, absent where null, times as Go writes them, no
/// escapes that JSON does not ask for.</summary>
public static class ResourceJson
{
    /// <summary>Options with source-generated metadata for every value of the datastore.</summary>
    public static JsonSerializerOptions Options { get; } = CreateOptions();

    /// <summary>Metadata of one of the datastore's types, for <see cref="JsonSerializer"/>.</summary>
    public static JsonTypeInfo<T> TypeInfo<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    /// <summary>The value as stored.</summary>
    public static byte[] Write<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, TypeInfo<T>());

    /// <summary>Reads a stored value.</summary>
    /// <exception cref="JsonException">It is not JSON of that shape.</exception>
    public static T Read<T>(ReadOnlySpan<byte> utf8) where T : class =>
        JsonSerializer.Deserialize(utf8, TypeInfo<T>()) ?? throw new JsonException("null where an object is expected");

    /// <summary>Reads stored JSON. A member that is there twice is refused: readers do not agree on which one counts.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    internal static JsonDocument Parse(ReadOnlyMemory<byte> utf8) => JsonDocument.Parse(utf8, new() { AllowDuplicateProperties = false });

    /// <summary>Whether an exception only says that stored JSON cannot be read; besides its own type the reader throws these for texts
    /// with half a surrogate pair and numbers out of range.</summary>
    public static bool IsUnreadable(Exception e) => e is JsonException or InvalidOperationException or FormatException or OverflowException;

    private static JsonSerializerOptions CreateOptions()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = ResourceJsonContext.Default,
            Converters = { new GoTimeConverter(), new GoFloatConverter() },
        };
        options.MakeReadOnly();
        return options;
    }
}
