using System.Text.Json;

namespace Calico.Host.Plugins;

/// <summary>The shape of an adapter's <c>.deps.json</c>.</summary>
/// <remarks>The runtime's native resolver takes the shape for granted: a member that is missing or of another type ends the process, with
/// no exception to catch. So it is looked at before: what the .NET SDK writes passes, anything else is refused by name.</remarks>
internal static class PluginDependencies
{
    private static readonly string[] AssetKinds = ["runtime", "native", "resources", "runtimeTargets", "compile", "dependencies"];
    private static readonly string[] AssetTexts = ["assemblyVersion", "fileVersion", "locale", "rid", "assetType"];
    private static readonly string[] LibraryTexts = ["path", "hashPath", "runtimeStoreManifestName"];

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: not as the SDK writes it.</exception>
    public static void Check(Stream json, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new() { AllowDuplicateProperties = false });
            Check(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new CalicoException(Problem.Invalid, $"{name} is not as the .NET SDK writes it ({e.Message}); publish the adapter again",
                "plugin", e);
        }
    }

    private static void Check(JsonElement root)
    {
        var runtime = root.GetProperty("runtimeTarget");
        var target = Text(runtime.ValueKind == JsonValueKind.String ? runtime : runtime.GetProperty("name"));
        foreach (var package in root.GetProperty("targets").GetProperty(target).EnumerateObject())
        {
            foreach (var kind in Object(package.Value).Where(k => AssetKinds.Contains(k.Name)))
            {
                foreach (var asset in Object(kind.Value).Where(_ => kind.Name != "dependencies"))
                {
                    Texts(asset.Value, AssetTexts, isRequired: kind.Name == "runtimeTargets" ? ["rid", "assetType"] : []);
                }
            }
        }

        foreach (var library in Object(root.GetProperty("libraries")))
        {
            Texts(library.Value, LibraryTexts, isRequired: ["type", "sha512"]);
            _ = library.Value.GetProperty("serviceable").GetBoolean();
        }
    }

    private static void Texts(JsonElement element, string[] names, string[] isRequired)
    {
        foreach (var name in isRequired)
        {
            _ = Text(element.GetProperty(name));
        }

        foreach (var member in Object(element).Where(m => names.Contains(m.Name)))
        {
            _ = Text(member.Value);
        }
    }

    private static JsonElement.ObjectEnumerator Object(JsonElement element) => element.EnumerateObject();

    private static string Text(JsonElement element) => element.GetString() ?? throw new JsonException("null where a text is expected");
}
