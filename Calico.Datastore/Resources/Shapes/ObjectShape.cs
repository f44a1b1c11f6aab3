using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>An object with known members.</summary>
public sealed class ObjectShape : Shape
{
    private readonly ImmutableArray<Field> _fields;
    private readonly FrozenDictionary<string, Field> _byName;

    public ObjectShape(params ImmutableArray<Field> fields)
    {
        _fields = fields;
        _byName = fields.ToFrozenDictionary(field => field.Name, StringComparer.Ordinal);
    }

    /// <summary>Rules over several members that upstream's Go validators check.</summary>
    public ImmutableArray<ObjectCheck> Rules { get; init; } = [];

    /// <summary>Rules over several members of upstream's CRD layer.</summary>
    public ImmutableArray<ObjectCheck> SchemaRules { get; init; } = [];

    /// <summary>The members, in order.</summary>
    public ImmutableArray<Field> Fields => _fields;

    /// <summary>Shape of a member.</summary>
    public Shape this[string name] => _byName[name].Shape;

    public override void Check(JsonElement value, string path, ShapeReport report)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            report.Add(path, "must be an object", value);
            return;
        }

        foreach (var member in value.EnumerateObject())
        {
            var at = path.Length == 0 ? member.Name : $"{path}.{member.Name}";
            if (!_byName.TryGetValue(member.Name, out var field))
            {
                report.AddUnknown(at);
                ReadTexts(member.Value);
            }
            else if (!IsAbsent(member.Value))
            {
                field.Shape.Check(member.Value, at, report);
            }
        }

        var view = new JsonObjectView(value, path);
        CheckAbsent(view, report);
        Run(Rules, view, report);
        if (report.WithSchemaRules)
        {
            Run(SchemaRules, view, report);
        }
    }

    public override JsonNode Complete(JsonNode value)
    {
        if (value is not JsonObject map)
        {
            return value;
        }

        foreach (var field in _fields)
        {
            if (map[field.Name] is not { } old || (field.Default is not null && old is JsonValue single && IsEmptyText(single)))
            {
                if (field.Default is not null)
                {
                    map[field.Name] = field.Shape.Complete(JsonNode.Parse(field.Default)!);
                }
            }
            else if (field.Shape.Complete(old) is var complete && !ReferenceEquals(old, complete))
            {
                map[field.Name] = complete;
            }
        }

        return map;
    }

    private void CheckAbsent(JsonObjectView view, ShapeReport report)
    {
        foreach (var field in _fields)
        {
            if (!field.Required && !field.CheckedWhenEmpty && field.Default is null)
            {
                continue;
            }

            if (view.IsSet(field.Name))
            {
                continue;
            }

            if (field.Default is not null)
            {
                report.MarkIncomplete();
            }
            else if (field.Required)
            {
                report.Add(view.At(field.Name), "is required");
            }
            else
            {
                field.Shape.Check(EmptyText, view.At(field.Name), report);
            }
        }
    }

    private static readonly JsonElement EmptyText = JsonDocument.Parse("\"\"").RootElement;

    private static bool IsEmptyText(JsonValue value) => value.TryGetValue(out string? text) && text.Length == 0;

    private static void Run(ImmutableArray<ObjectCheck> checks, JsonObjectView view, ShapeReport report)
    {
        foreach (var check in checks)
        {
            check(view, report);
        }
    }
}
