using System.Text.Json;
using System.Text.Json.Serialization;
using NuGet.Packaging;
using NuGet.Versioning;

namespace Calico.Host.Plugins.Packages;

/// <summary>Where an installed version came from, in its folder.</summary>
/// <param name="Id">Package id; empty: it was a folder.</param>
/// <param name="Version">Of the package.</param>
/// <param name="Source">Feed, file or folder, without what a URL says of user and password.</param>
/// <param name="Sha512">Of the whole package, base64; empty: it was a folder.</param>
internal sealed record PackageNote(string Id, string Version, string Source, string Sha512)
{
    public const string FileName = ".calico-package.json";

    public void WriteTo(string folder) =>
        File.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, PackageNoteJson.Default.PackageNote));

    /// <returns>Null: laid down by hand, or by a former version.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/>: it is there and cannot be used.</exception>
    public static PackageNote? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            var note = JsonSerializer.Deserialize(File.ReadAllBytes(path), PackageNoteJson.Default.PackageNote)
                ?? throw new JsonException("it is null");
            return note.Id.Length == 0
                || (PackageIdValidator.IsValidPackageId(note.Id) && NuGetVersion.TryParse(note.Version, out _)) ? note
                : throw new JsonException($"'{note.Id}' {note.Version} is no package");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new CalicoException(Problem.Damaged, $"where {folder} came from is not known: {FileName} cannot be used: {e.Message}",
                "name", e);
        }
    }
}

[JsonSerializable(typeof(PackageNote))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
internal sealed partial class PackageNoteJson : JsonSerializerContext;
