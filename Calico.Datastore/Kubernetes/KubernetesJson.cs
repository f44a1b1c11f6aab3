using System.Text.Json;

namespace Calico.Datastore.Kubernetes;

/// <summary>Reads members of Kubernetes objects. Absent and null are the same; anything of another type is a fault with its field.
/// </summary>
internal static class KubernetesJson
{
    /// <summary>Undefined: it is absent or null.</summary>
    public static JsonElement Member(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value)
            && value.ValueKind != JsonValueKind.Null ? value : default;

    public static bool Has(JsonElement of, string name) => Member(of, name).ValueKind != JsonValueKind.Undefined;

    public static IEnumerable<JsonElement> Items(JsonElement of, string name, string field) => Member(of, name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => [],
        { ValueKind: JsonValueKind.Array } array => array.EnumerateArray(),
        _ => throw new ConversionException($"{field}.{name}: a list is expected"),
    };

    public static IEnumerable<JsonProperty> Members(JsonElement of, string name, string field) => Member(of, name) switch
    {
        { ValueKind: JsonValueKind.Undefined } => [],
        { ValueKind: JsonValueKind.Object } members => members.EnumerateObject(),
        _ => throw new ConversionException($"{field}.{name}: an object is expected"),
    };

    public static string Text(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new ConversionException($"{field}: a text is expected");

    public static string RequiredText(JsonElement of, string name, string field) => Member(of,
        name) is { ValueKind: not JsonValueKind.Undefined } value
        ? Text(value, $"{field}.{name}")
        : throw new ConversionException($"{field}.{name}: is missing");
}
