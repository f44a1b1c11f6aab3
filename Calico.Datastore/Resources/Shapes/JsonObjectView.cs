using System.Collections.Immutable;
using System.Text.Json;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Reads members of a JSON object that may be absent or of the wrong type (that is another check's finding).</summary>
public readonly record struct JsonObjectView(JsonElement Element, string Path)
{
    /// <summary>Path of a member.</summary>
    public string At(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    /// <summary>The member, or an undefined element.</summary>
    public JsonElement this[string name] =>
        Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(name, out var value) ? value : default;

    /// <summary>Whether Go would see a value there: not absent, null, empty text, empty list or empty map.</summary>
    public bool Has(string name) => this[name] switch
    {
        { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() > 0,
        { ValueKind: JsonValueKind.Object } map => map.EnumerateObject().MoveNext(),
        var value => !Shape.IsAbsent(value),
    };

    /// <summary>Whether the member is there at all, be it an empty object.</summary>
    public bool IsSet(string name) => !Shape.IsAbsent(this[name]);

    /// <summary>The text, or an empty one.</summary>
    public string Text(string name) => this[name] is { ValueKind: JsonValueKind.String } value ? value.GetString()! : "";

    public bool IsTrue(string name) => this[name].ValueKind == JsonValueKind.True;

    public bool IsFalse(string name) => this[name].ValueKind == JsonValueKind.False;

    public long? Number(string name) =>
        this[name] is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;

    /// <summary>A member that is a number or a text.</summary>
    public NumberOrString? NumberOrText(string name) => NumberOrTextOf(this[name]);

    /// <summary>The member object, or an empty view.</summary>
    public JsonObjectView Object(string name) => new(this[name], At(name));

    /// <summary>Items of a list; none when it is no list.</summary>
    public ImmutableArray<JsonElement> Items(string name) =>
        this[name] is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];

    /// <summary>Objects of a list with their paths.</summary>
    public IEnumerable<JsonObjectView> Objects(string name)
    {
        var at = At(name);
        return Items(name).Select((item, index) => new JsonObjectView(item, $"{at}[{index}]"));
    }

    /// <summary>Texts of a list; other items are left out.</summary>
    public IEnumerable<string> Texts(string name) =>
        Items(name).Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!);

    internal static NumberOrString? NumberOrTextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetInt64(out var number) => new NumberOrString(number),
        JsonValueKind.String when !value.ValueEquals(""u8) => new NumberOrString(value.GetString()!),
        _ => null,
    };
}
