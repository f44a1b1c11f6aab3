using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;

namespace Calico.Cli.Output;

/// <summary>What commands print for programs. Within one <c>apiVersion</c> members are added, never taken away or given another meaning.
/// </summary>
internal static class JsonOutput
{
    internal const string ApiVersion = "net.calico/v1";

    /// <summary>Prints an object of a kind.</summary>
    internal static void Write(TextWriter output, string kind, JsonObject members)
    {
        var whole = new JsonObject { ["apiVersion"] = ApiVersion, ["kind"] = kind };
        foreach (var (name, value) in members.ToArray())
        {
            members.Remove(name);
            whole[name] = value;
        }

        Write(output, JsonSerializer.SerializeToElement(whole, ResourceJson.TypeInfo<JsonObject>()));
    }

    /// <summary>Prints a value, indented.</summary>
    internal static void Write(TextWriter output, JsonElement value)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            value.WriteTo(writer);
        }

        output.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    /// <summary>A list of texts.</summary>
    internal static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode?)JsonValue.Create(text))]);
}
