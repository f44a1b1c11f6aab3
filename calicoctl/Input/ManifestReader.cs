using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Yaml;

namespace Calico.Cli.Input;

/// <summary>Reads what <c>-f</c> names: a file, standard input, or a folder of files; several documents, lists and arrays. What is not
/// known is refused, because it is a misspelling more often than not.</summary>
internal sealed class ManifestReader(ResourceKinds kinds, TextReader input)
{
    private static readonly string[] Extensions = [".yaml", ".yml", ".json"];

    private readonly List<Fault> _faults = [];

    /// <summary>What is wrong with what has been read.</summary>
    internal IReadOnlyList<Fault> Faults => _faults;

    /// <summary>Reads all of it; one fault does not hide the next.</summary>
    /// <param name="path">A path, or <c>-</c>.</param>
    /// <param name="recursive">Folders inside the folder too.</param>
    /// <param name="skipEmpty">Whether nothing is fine.</param>
    /// <exception cref="CliException">A file cannot be opened, or there is nothing in it.</exception>
    internal ImmutableArray<Manifest> Read(string path, bool recursive, bool skipEmpty)
    {
        var isFolder = path != "-" && Directory.Exists(path);
        var found = 0;
        var manifests = ImmutableArray.CreateBuilder<Manifest>();
        foreach (var (source, text) in Texts(path, isFolder, recursive))
        {
            foreach (var document in Documents(source, text))
            {
                foreach (var (map, place) in Flatten(document.Root, new(source, document, "")))
                {
                    found++;
                    if (Decode(map, place) is { } manifest)
                    {
                        manifests.Add(manifest);
                    }
                }
            }
        }

        return found > 0 || _faults.Count > 0 || skipEmpty ? manifests.ToImmutable()
            : throw new CliException($"no resources specified in {(isFolder ? "directory" : "file")} {path}");
    }

    private IReadOnlyList<YamlDocument> Documents(string source, string text)
    {
        try
        {
            return YamlReader.Read(text);
        }
        catch (YamlFaultException e) when (e.Line is { } line)
        {
            _faults.Add(new(source, line, "", $"error converting YAML to JSON: yaml: {e.Reason}"));
            return [];
        }
    }

    private IEnumerable<(string Source, string Text)> Texts(string path, bool isFolder, bool recursive)
    {
        if (path == "-")
        {
            return [("stdin", input.ReadToEnd())];
        }

        try
        {
            return isFolder
                ? [.. Directory.EnumerateFiles(path, "*", recursive ? SearchOption.AllDirectories : SearchOption.TopDirectoryOnly)
                    .Where(file => Extensions.Contains(Path.GetExtension(file), StringComparer.Ordinal))
                    .Order(StringComparer.Ordinal).Select(file => (file, File.ReadAllText(file)))]
                : [(path, File.ReadAllText(path))];
        }
        catch (FileNotFoundException)
        {
            throw new CliException($"failed to execute command: open {path}: no such file or directory");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"failed to execute command: open {path}: {e.Message}");
        }
    }

    private IEnumerable<(JsonObject Map, ManifestPlace Place)> Flatten(JsonNode? node, ManifestPlace place)
    {
        switch (node)
        {
            case null:
                return [];
            case JsonArray list:
                return list.ToArray().SelectMany((item, index) => Flatten(item, place with { Prefix = $"{place.Prefix}[{index}]" }));
            case JsonObject map when TextOf(map, "kind").EndsWith("List", StringComparison.Ordinal) && map["items"] is JsonArray:
                return Flatten(map["items"], place with { Prefix = place.InDocument("items") });
            case JsonObject map:
                return [(map, place)];
            default:
                _faults.Add(place.Fault("", "a resource is expected, not a single value"));
                return [];
        }
    }

    private Manifest? Decode(JsonObject map, ManifestPlace place)
    {
        var (name, version) = (TextOf(map, "kind"), TextOf(map, "apiVersion"));
        var isKnown = kinds.TryFind(name, out var kind) && kind.Name == name;
        if (version != Resource.GroupVersion || !isKnown)
        {
            _faults.Add(place.Fault(isKnown ? "apiVersion" : "kind", $"unknown resource type ({name}) and/or version ({version})"
                + (isKnown ? $"; Calico's {name} is of {Resource.GroupVersion}"
                    : Suggestion.For(name, kinds.Table.Select(known => known.Name)))));
            return null;
        }

        var report = FieldNames.Check(kind!, map, path => place.Document.Flags.TryGetValue(place.InDocument(path), out var flag) ? flag
            : null, out var json);
        _faults.AddRange(report.Unknown.Select(unknown => place.Fault(unknown,
            $"field in document is not recognized or is in the wrong location: {unknown[(unknown.LastIndexOf('.') + 1)..]}"
            + FieldNames.Suggest(kind!, unknown))));
        try
        {
            return new(kind!, kind!.Decode(json), place);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            // Not even of the right shape: what the check says of it, or if it has nothing to say the reader.
            _faults.AddRange(report.Errors.IsEmpty ? [place.Fault("", e.Message)] : report.Errors.Select(place.Fault));
            return null;
        }
    }

    private static string TextOf(JsonObject map, string name) => map[name] is JsonValue value ? value.ToString() : "";
}
