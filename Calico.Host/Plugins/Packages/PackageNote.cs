using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Host.Plugins.Packages;

/// <summary>Where an installed version came from, in its folder.</summary>
/// <param name="Id">Package id; empty: it was a folder.</param>
/// <param name="Version">Of the package.</param>
/// <param name="Source">Feed, file or folder, without what a URL says of user and password.</param>
/// <param name="Sha512">Of the whole package, base64; empty: it was a folder.</param>
internal sealed record PackageNote(string Id, string Version, string Source, string Sha512)
{
    public const string FileName = ".calico-package.json";

    public void WriteTo(string folder) => File.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, PackageNoteJson.Default.PackageNote));

    /// <returns>Null: laid down by hand, or by a former version.</returns>
    public static PackageNote? Read(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(folder, FileName)), PackageNoteJson.Default.PackageNote);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(PackageNote))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
internal sealed partial class PackageNoteJson : JsonSerializerContext;
