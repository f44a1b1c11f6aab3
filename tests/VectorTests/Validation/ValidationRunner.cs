using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Shapes;

namespace Calico.VectorTests.Validation;

/// <summary>Whole resources are completed and checked with everything; sub-objects as upstream's tests of them do, without the rules of
/// the CRD layer.</summary>
public sealed class ValidationRunner : IVectorRunner
{
    public string File => "validation.json";

    public VectorVerdict Run(JsonElement vector)
    {
        var type = vector.GetProperty("type").GetString()!;
        var value = Expand(JsonNode.Parse(vector.GetProperty("object").GetRawText()));
        if (vector.GetProperty("wholeResource").GetBoolean())
        {
            return ResourceKinds.All.TryFind(type[(type.LastIndexOf('.') + 1)..], out var kind)
                ? CheckWhole(kind, (JsonObject)value!, vector)
                : VectorVerdict.Skip($"kind {type} is not built");
        }

        if (SubObjects.Find(type) is not { } shape)
        {
            return VectorVerdict.Skip($"type {type} is not built");
        }

        if (type.StartsWith("numorstring.", StringComparison.Ordinal))
        {
            value = value!["value"];
        }

        var report = new ShapeReport { WithSchemaRules = false };
        shape.Check(JsonSerializer.SerializeToElement(value), "", report);
        return Judge(vector, report);
    }

    private static VectorVerdict CheckWhole(ResourceKind kind, JsonObject resource, JsonElement vector)
    {
        if (kind.Namespaced && resource["metadata"] is JsonObject metadata)
        {
            metadata["namespace"] ??= "default";
        }

        var complete = kind.Complete(resource);
        if (vector.TryGetProperty("expectDefaults", out var expected))
        {
            foreach (var member in expected.EnumerateObject())
            {
                var found = member.Name.Split('.').Aggregate((JsonNode?)complete, (node, name) => (node as JsonObject)?[name]);
                if (!JsonNode.DeepEquals(found, JsonNode.Parse(member.Value.GetRawText())))
                {
                    return VectorVerdict.Fail($"{member.Name} is {found?.ToJsonString() ?? "absent"}, expected {member.Value}");
                }
            }
        }

        var json = JsonSerializer.SerializeToElement(complete);
        var report = kind.Check(json, new ShapeReport());
        if (vector.GetProperty("valid").ValueKind == JsonValueKind.True && report.Errors.IsEmpty)
        {
            // What is valid must also survive being read into its type and written.
            var errors = kind.Validate(kind.DecodeStored(kind.Encode(kind.Decode(json))));
            if (!errors.IsEmpty)
            {
                return VectorVerdict.Fail("after a round trip: " + ValidationError.Describe(errors));
            }
        }

        return Judge(vector, report);
    }

    private static VectorVerdict Judge(JsonElement vector, ShapeReport report)
    {
        var text = report.Errors.IsEmpty ? "valid" : ValidationError.Describe(report.Errors);
        return vector.GetProperty("valid").ValueKind switch
        {
            JsonValueKind.True when !report.Errors.IsEmpty => VectorVerdict.Fail(text),
            JsonValueKind.True when !report.Unknown.IsEmpty => VectorVerdict.Fail("unknown: " + string.Join(", ", report.Unknown)),
            JsonValueKind.False when report.Errors.IsEmpty => VectorVerdict.Fail("expected to be refused"),
            JsonValueKind.False when vector.TryGetProperty("errorContains", out var wanted)
                && !text.Contains(wanted.GetString()!, StringComparison.Ordinal) => VectorVerdict.Fail($"expected '{wanted}' in: {text}"),
            _ => VectorVerdict.Pass,
        };
    }

    /// <summary><c>{"$repeat":["x",3]}</c> stands for <c>"xxx"</c>.</summary>
    private static JsonNode? Expand(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject { Count: 1 } map when map["$repeat"] is JsonArray repeat:
                return string.Concat(Enumerable.Repeat(repeat[0]!.GetValue<string>(), repeat[1]!.GetValue<int>()));
            case JsonObject map:
                foreach (var name in map.Select(member => member.Key).ToArray())
                {
                    var value = map[name];
                    map[name] = null;
                    map[name] = Expand(value);
                }

                return map;
            case JsonArray list:
                for (var i = 0; i < list.Count; i++)
                {
                    var value = list[i];
                    list[i] = null;
                    list[i] = Expand(value);
                }

                return list;
            default:
                return node;
        }
    }
}
