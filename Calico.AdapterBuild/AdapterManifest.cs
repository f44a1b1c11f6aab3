using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.AdapterBuild;

/// <summary><c>calico-adapter.json</c>: what an adapter's folder holds, written when it is built.</summary>
/// <param name="ManifestVersion">Of this format: 1.</param>
/// <param name="Name">The adapter's <c>Name</c>.</param>
/// <param name="Version">Of the adapter.</param>
/// <param name="Contract">Major and minor of the contract that it was built against: <c>1.0</c>.</param>
/// <param name="MinimumHost">Version of the host that has that contract first.</param>
/// <param name="Assembly">File name of its main assembly.</param>
internal sealed record AdapterManifest(
    [property: JsonPropertyName("manifestVersion"), JsonRequired] int ManifestVersion,
    [property: JsonPropertyName("name"), JsonRequired] string Name,
    [property: JsonPropertyName("version"), JsonRequired] string Version,
    [property: JsonPropertyName("contract"), JsonRequired] string Contract,
    [property: JsonPropertyName("minimumHost"), JsonRequired] string MinimumHost,
    [property: JsonPropertyName("assembly"), JsonRequired] string Assembly)
{
    /// <exception cref="JsonException">It is none, or of a later format.</exception>
    public static AdapterManifest Parse(ReadOnlySpan<byte> json)
    {
        // An editor's mark.
        json = json.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json;
        var manifest = JsonSerializer.Deserialize(json, AdapterManifestJson.Default.AdapterManifest)
            ?? throw new JsonException("it is null");
        return manifest.ManifestVersion == 1 ? manifest
            : throw new JsonException($"manifestVersion is {manifest.ManifestVersion}; this version knows 1");
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, AdapterManifestJson.Default.AdapterManifest);
}

[JsonSourceGenerationOptions(WriteIndented = true, NewLine = "\n", RespectNullableAnnotations = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(AdapterManifest))]
internal sealed partial class AdapterManifestJson : JsonSerializerContext;
