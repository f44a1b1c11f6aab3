using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Cli.Input;

/// <summary>Reads what <c>-f</c> names: a file, standard input, or a folder of files; several documents, lists and arrays. What is not
/// known is refused, because it is a misspelling more often than not.</summary>
internal sealed class ManifestReader(ResourceKinds kinds, TextReader input)
{
    private static readonly string[] Extensions = [".yaml", ".yml", ".json"];

    /// <summary>Reads all of it.</summary>
    /// <param name="path">A path, or <c>-</c>.</param>
    /// <param name="recursive">Folders inside the folder too.</param>
    /// <param name="skipEmpty">Whether nothing is fine.</param>
    /// <exception cref="CliException">Something cannot be read.</exception>
    internal ImmutableArray<Manifest> Read(string path, bool recursive, bool skipEmpty)
    {
        var isFolder = path != "-" && Directory.Exists(path);
        var manifests = Texts(path, isFolder, recursive)
            .SelectMany(YamlReader.Parse)
            .SelectMany(Flatten)
            .Select(Decode)
            .ToImmutableArray();
        return !manifests.IsEmpty || skipEmpty ? manifests
            : throw new CliException($"no resources specified in {(isFolder ? "directory" : "file")} {path}");
    }

    private string[] Texts(string path, bool isFolder, bool recursive)
    {
        if (path == "-")
        {
            return [input.ReadToEnd()];
        }

        try
        {
            return isFolder
                ? Directory.EnumerateFiles(path, "*", recursive ? SearchOption.AllDirectories : SearchOption.TopDirectoryOnly)
                    .Where(file => Extensions.Contains(Path.GetExtension(file), StringComparer.Ordinal))
                    .Order(StringComparer.Ordinal).Select(File.ReadAllText).ToArray()
                : [File.ReadAllText(path)];
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

    private static IEnumerable<JsonObject> Flatten(JsonNode? node) => node switch
    {
        null => [],
        JsonArray list => list.ToArray().SelectMany(Flatten),
        JsonObject map when map["kind"]?.ToString().EndsWith("List", StringComparison.Ordinal) == true && map["items"] is JsonArray items
            => items.ToArray().SelectMany(Flatten),
        JsonObject map => [map],
        _ => throw new CliException("a resource is expected, not a single value"),
    };

    private Manifest Decode(JsonObject map)
    {
        var (name, version) = (map["kind"]?.ToString() ?? "", map["apiVersion"]?.ToString() ?? "");
        if (version != Resource.GroupVersion || !kinds.TryFind(name, out var kind) || kind.Name != name)
        {
            throw new CliException($"unknown resource type ({name}) and/or version ({version})"
                + Suggestion.For(name, kinds.Kinds.Select(known => known.Name)));
        }

        var json = JsonSerializer.SerializeToElement(map, ResourceJson.TypeInfo<JsonObject>());
        var report = kind.Check(json, new ShapeReport { AcceptOtherSpellings = true });
        if (report.Unknown is [var unknown, ..])
        {
            throw new CliException(
                $"field in document is not recognized or is in the wrong location: {unknown[(unknown.LastIndexOf('.') + 1)..]}"
                + (unknown.Contains('.', StringComparison.Ordinal) ? $" ({unknown})" : ""));
        }

        try
        {
            return new(kind, kind.Decode(json));
        }
        catch (JsonException e)
        {
            throw new CliException(report.Errors.IsEmpty ? e.Message : ValidationError.Describe(report.Errors));
        }
    }
}
