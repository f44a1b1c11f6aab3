using System.Text.Json.Nodes;
using Calico.Datastore.Yaml;

namespace Calico.Datastore.Settings;

/// <summary>A file of settings: YAML, taken apart into dotted names with the line of each.</summary>
/// <remarks>Two dialects: <c>calico.cfg</c>, and upstream's <c>CalicoAPIConfig</c>, whose names are those of its <c>spec</c>.</remarks>
public sealed class SettingsFile
{
    /// <summary>The host's.</summary>
    public const string DefaultPath = "/etc/calico/calico.cfg";

    private const string ClientKind = "CalicoAPIConfig";

    private readonly Dictionary<string, SettingText?> _values = new(StringComparer.OrdinalIgnoreCase);

    private SettingsFile(string path) => Path = path;

    /// <summary>No file.</summary>
    public static SettingsFile None { get; } = new("");

    public string Path { get; }

    /// <summary>Whether it is a <c>CalicoAPIConfig</c>.</summary>
    public bool IsClients { get; private init; }

    /// <summary>Everything that is written in it.</summary>
    public IReadOnlyCollection<string> Names => _values.Keys;

    /// <summary>The text of a name; null: it is not there, or stands there without any.</summary>
    public SettingText? Find(string name) => _values.GetValueOrDefault(name);

    /// <summary>Reads the host's dialect. A file that is not there is <see cref="None"/> unless it must be.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the file as path.</exception>
    public static SettingsFile Read(string path, bool mustExist) =>
        File.Exists(path) ? Parse(path, null) : mustExist ? throw Wrong(path, $"there is no configuration file {path}") : None;

    /// <summary>Reads upstream's dialect.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static SettingsFile ReadClients(string path) => Parse(path, ClientKind);

    private static SettingsFile Parse(string path, string? kind)
    {
        var file = new SettingsFile(path) { IsClients = kind is not null };
        try
        {
            foreach (var document in YamlReader.Read(File.ReadAllText(path), asWritten: true))
            {
                if (kind is not null && (document.Root as JsonObject)?["kind"]?.ToString() is var found && found != kind)
                {
                    throw Wrong(path, $"invalid config file {path}: expected kind '{kind}', got '{found}'");
                }

                file.Flatten("", document.Root, document);
            }
        }
        catch (YamlFaultException e)
        {
            throw Wrong(path, $"{path} is not YAML: {(e.Line is null ? "" : $"line {e.Line}: ")}{e.Reason}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Wrong(path, $"{path} cannot be read: {e.Message}", e);
        }

        return file;
    }

    private void Flatten(string name, JsonNode? node, YamlDocument document)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (var (key, value) in map)
                {
                    Flatten(name.Length == 0 ? key : $"{name}.{key}", value, document);
                }

                break;
            case JsonArray list when list.All(item => item is JsonValue):
                Add(name, string.Join(',', list), document);
                break;
            case JsonArray:
                throw Wrong(Path, $"{Path}: '{name}' is a list of something else than texts");
            case null when name.Length == 0:
                break;
            default:
                Add(name, node?.ToString(), document);
                break;
        }
    }

    private void Add(string name, string? text, YamlDocument document)
    {
        var line = document.Lines.TryGetValue(name, out var at) ? at : document.Line;
        // Two that differ by case, or stand in two documents: whoever wrote them meant both.
        if (!_values.TryAdd(name, text is null ? null : new(name, text, $"{Path}, line {line}")))
        {
            throw Wrong(Path, $"{Path} has '{name}' twice, line {line} is the second");
        }
    }

    private static CalicoException Wrong(string path, string message, Exception? inner = null) =>
        new(Problem.Invalid, message, path, inner);
}
