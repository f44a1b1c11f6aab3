using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Plugins.Cni.Protocol;

namespace Calico.VectorTests.Cni;

/// <summary>Names and fields: what needs no call.</summary>
internal static class CniNameVectors
{
    public static VectorVerdict Run(JsonElement vector) => vector.GetProperty("kind").GetString() switch
    {
        "sanitizeMesosLabel" =>
            Same(vector.GetProperty("expect").GetString()!, MesosLabelText.Sanitise(vector.GetProperty("input").GetString()!)),
        "vethName" => Same(vector.GetProperty("expect").GetString()!,
            InterfaceName.OfPod(TextOf(vector, "prefix"), TextOf(vector, "namespace"), TextOf(vector, "pod"))),
        "wepName" => WepName(vector),
        "wepNameMatch" => WepNameMatch(vector),
        "wepNameParse" => WepNameParse(vector),
        "parse" => Parse(vector),
        "statusFilename" => VectorVerdict.Skip("no status files are written: an ADD returns when the kernel enforces"),
        _ => VectorVerdict.Skip($"no rule for vectors of kind {vector.GetProperty("kind").GetString()}"),
    };

    private static VectorVerdict WepName(JsonElement vector)
    {
        var made = NameOf(vector).TryFormat(vector.GetProperty("allowPrefix").GetBoolean(), out var name, out var wrongField);
        var expect = vector.GetProperty("expect");
        var (expectedName, expectedField) = (TextOf(expect, "name"), TextOf(expect, "errorField"));
        return made == (expectedField.Length == 0) && (name ?? "") == expectedName && (wrongField ?? "") == expectedField
            ? VectorVerdict.Pass
            : VectorVerdict.Fail($"name \"{name}\", wrong field \"{wrongField}\"; expected \"{expectedName}\", \"{expectedField}\"");
    }

    private static VectorVerdict WepNameMatch(JsonElement vector)
    {
        var ids = NameOf(vector);
        var expect = vector.GetProperty("expect");
        // Upstream's match makes the prefix first and reports what is wrong with it.
        var wrongField = ids.TryFormat(allowPrefix: true, out _, out var field) ? "" : field!;
        if (wrongField != TextOf(expect, "errorField"))
        {
            return VectorVerdict.Fail($"wrong field \"{wrongField}\"; expected \"{TextOf(expect, "errorField")}\"");
        }

        var matches = wrongField.Length == 0 && ids.Matches(TextOf(vector, "name"));
        return matches == expect.GetProperty("match").GetBoolean() ? VectorVerdict.Pass : VectorVerdict.Fail($"match is {matches}");
    }

    private static VectorVerdict WepNameParse(JsonElement vector)
    {
        var expect = vector.GetProperty("expect");
        var parsed = WorkloadEndpointName.TryParse(TextOf(vector, "name"), out var name);
        if (parsed == expect.GetProperty("error").GetBoolean())
        {
            return VectorVerdict.Fail(parsed ? "parsed" : "not parsed");
        }

        if (!parsed)
        {
            return VectorVerdict.Pass;
        }

        var expected = NameIn(expect.GetProperty("ids"));
        return name == expected ? VectorVerdict.Pass : VectorVerdict.Fail($"{name}; expected {expected}");
    }

    private static VectorVerdict Parse(JsonElement vector)
    {
        var configuration = NetworkConfiguration.Parse(System.Text.Encoding.UTF8.GetBytes(TextOf(vector, "raw")));
        var expect = vector.GetProperty("expect");
        var error = expect.TryGetProperty("addError", out var addError)
            && addError.ValueKind is not (JsonValueKind.Null or JsonValueKind.False);
        if (configuration.Faults.IsEmpty == error)
        {
            return VectorVerdict.Fail($"faults: {string.Join("; ", configuration.Faults)}");
        }
        // A value that is refused is judged by the error alone.
        return error || !expect.TryGetProperty("deviceType", out var type) ? VectorVerdict.Pass
            : Same(type.GetString()!, configuration.DeviceType);
    }

    private static WorkloadEndpointName NameOf(JsonElement vector) => NameIn(vector.GetProperty("ids"));

    private static WorkloadEndpointName NameIn(JsonElement ids) => new()
    {
        Node = TextOf(ids, "node"),
        Orchestrator = TextOf(ids, "orchestrator"),
        Pod = TextOf(ids, "pod"),
        ContainerId = TextOf(ids, "containerID"),
        Workload = TextOf(ids, "workload"),
        Endpoint = TextOf(ids, "endpoint"),
    };

    private static string TextOf(JsonElement at, string name) =>
        at.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static VectorVerdict Same(string expected, string actual) =>
        expected == actual ? VectorVerdict.Pass : VectorVerdict.Fail($"\"{actual}\"; expected \"{expected}\"");
}
