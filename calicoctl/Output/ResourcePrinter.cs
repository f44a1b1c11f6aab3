using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Cli.Output;

/// <summary>Prints resources in the form the user chose.</summary>
/// <param name="output">Where to.</param>
/// <param name="format">What <c>-o</c> says.</param>
/// <param name="withNamespace">Whether tables show the namespace.</param>
/// <param name="width">Columns of the terminal; null: as many as it takes.</param>
internal sealed class ResourcePrinter(TextWriter output, string format, bool withNamespace, Func<int?> width)
{
    private const string CustomColumns = "custom-columns";

    /// <summary>Refuses a form that does not exist, before anything is read.</summary>
    internal static void Check(string format)
    {
        switch (format.Split('=', 2))
        {
            case ["ps" or "wide" or "yaml" or "yml" or "json"]:
            case [CustomColumns, { Length: > 0 }]:
                return;
            case [CustomColumns, ..]:
                throw new CliException("need to specify at least one column");
            case ["go-template" or "go-template-file", ..]:
                throw new CliException("go-template output is not supported; use json, yaml or custom-columns");
            default:
                throw new CliException($"unrecognized output format '{format}'");
        }
    }

    /// <summary>Prints what was asked for.</summary>
    internal void Print(ImmutableArray<PrintableResources> groups)
    {
        switch (format)
        {
            case "yaml" or "yml":
                YamlWriter.Write(output, Combine(groups));
                break;
            case "json":
                JsonOutput.Write(output, Combine(groups));
                break;
            default:
                foreach (var group in groups.GroupBy(group => group.Kind))
                {
                    PrintTable(group.Key, [.. group.SelectMany(part => part.Items)]);
                }

                break;
        }
    }

    private void PrintTable(ResourceKind kind, ImmutableArray<Resource> items)
    {
        var columns = Columns(kind);
        var table = new TextTable([.. columns.Select(column => column.Heading)]);
        foreach (var item in items)
        {
            var view = new JsonObjectView(kind.ToJson(item), "");
            table.Add([.. columns.Select(column => column.Value(view))]);
        }

        table.Write(output, width);
        output.WriteLine();
    }

    private ImmutableArray<TableColumn> Columns(ResourceKind kind)
    {
        var wide = kind.WideColumns.IsEmpty ? kind.Columns : kind.WideColumns;
        if (format.StartsWith(CustomColumns, StringComparison.Ordinal))
        {
            var known = wide.Concat(kind.Columns).DistinctBy(column => column.Heading).ToArray();
            return [.. format[(CustomColumns.Length + 1)..].Split(',').Select(heading =>
                known.FirstOrDefault(column => string.Equals(column.Heading, heading, StringComparison.OrdinalIgnoreCase))
                ?? throw new CliException(
                    $"unknown heading {heading}, valid values are: {string.Join(", ", known.Select(column => column.Heading))}"))];
        }

        var columns = format == "wide" ? wide : kind.Columns;
        return withNamespace && kind.Namespaced
            ? columns.Insert(0, new("NAMESPACE", it => it.Object("metadata").Text("namespace")))
            : columns;
    }

    private static JsonElement Combine(ImmutableArray<PrintableResources> groups) =>
        groups is [var only] ? only.ToJson()
            : ToElement(new JsonArray([.. groups.Select(group => JsonNode.Parse(group.ToJson().GetRawText()))]));

    private static JsonElement ToElement(JsonArray array) => JsonSerializer.SerializeToElement(array, ResourceJson.TypeInfo<JsonArray>());
}
