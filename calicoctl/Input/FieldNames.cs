using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Cli.Input;

/// <summary>Finds fields by their paths, such as <c>spec.egress[1].action</c>.</summary>
internal static class FieldNames
{
    /// <summary>Which field beside an unknown one may have been meant.</summary>
    internal static string Suggest(ResourceKind kind, string path)
    {
        var parts = Split(path);
        Shape? shape = parts is ["spec", _, ..] ? kind.Spec : null;
        foreach (var part in parts.Skip(1).SkipLast(1))
        {
            shape = shape switch
            {
                ListShape list => list.Item,
                ObjectShape map => map.Fields.FirstOrDefault(field => field.Name == part)?.Shape,
                _ => null,
            };
        }

        return shape is ObjectShape parent ? Suggestion.For(parts[^1], parent.Fields.Select(field => field.Name)) : "";
    }

    /// <summary>Checks what a user wrote. YAML 1.1's words for true and false count where the field cannot be a text.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="map">What was written; such words are replaced.</param>
    /// <param name="flagAt">What the word at a path means; null: there is none.</param>
    /// <param name="json">The result.</param>
    internal static ShapeReport Check(ResourceKind kind, JsonObject map, Func<string, bool?> flagAt, out JsonElement json)
    {
        json = JsonSerializer.SerializeToElement(map, ResourceJson.TypeInfo<JsonObject>());
        var report = kind.Check(json, new ShapeReport { AcceptOtherSpellings = true });
        var flags = report.Errors.Select(error => (error.Path, Flag: flagAt(error.Path))).Where(found => found.Flag is not null)
            .Distinct().ToArray();
        foreach (var (path, flag) in flags)
        {
            Replace(map, path, flag!.Value);
        }

        if (flags.Length == 0)
        {
            return report;
        }

        json = JsonSerializer.SerializeToElement(map, ResourceJson.TypeInfo<JsonObject>());
        return kind.Check(json, new ShapeReport { AcceptOtherSpellings = true });
    }

    /// <summary>Puts a value in a field's place.</summary>
    private static void Replace(JsonObject root, string path, bool value)
    {
        JsonNode? parent = root;
        var parts = Split(path);
        foreach (var part in parts.SkipLast(1))
        {
            parent = parent is JsonArray list ? list[int.Parse(part, System.Globalization.CultureInfo.InvariantCulture)] : parent?[part];
        }

        switch (parent)
        {
            case JsonArray list:
                list[int.Parse(parts[^1], System.Globalization.CultureInfo.InvariantCulture)] = value;
                break;
            case JsonObject map:
                map[parts[^1]] = value;
                break;
        }
    }

    private static string[] Split(string path) => path.Replace("]", "", StringComparison.Ordinal).Split('.', '[');
}
