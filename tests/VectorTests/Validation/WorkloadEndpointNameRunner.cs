using System.Text.Json;
using Calico.Datastore.Resources;

namespace Calico.VectorTests.Validation;

/// <summary>Names of workload endpoints: made, matched, taken apart.</summary>
public sealed class WorkloadEndpointNameRunner : IVectorRunner
{
    public string File => "cni.json";

    public VectorVerdict Run(JsonElement vector) => vector.GetProperty("kind").GetString() switch
    {
        "wepName" => Format(vector),
        "wepNameMatch" => Match(vector),
        "wepNameParse" => Parse(vector),
        _ => VectorVerdict.Skip("CNI is not built"),
    };

    private static VectorVerdict Format(JsonElement vector)
    {
        Read(vector.GetProperty("ids")).TryFormat(vector.GetProperty("allowPrefix").GetBoolean(), out var name, out var wrongField);
        return Compare(vector.GetProperty("expect"), "name", name ?? "", wrongField);
    }

    private static VectorVerdict Match(JsonElement vector)
    {
        var ids = Read(vector.GetProperty("ids"));
        var isKnown = ids.TryFormat(allowPrefix: true, out _, out var wrongField);
        var matches = isKnown && ids.Matches(vector.GetProperty("name").GetString()!);
        return Compare(vector.GetProperty("expect"), "match", matches ? "True" : "False", wrongField);
    }

    private static VectorVerdict Parse(JsonElement vector)
    {
        var expect = vector.GetProperty("expect");
        var ok = WorkloadEndpointName.TryParse(vector.GetProperty("name").GetString()!, out var name);
        if (expect.GetProperty("error").GetBoolean() == ok)
        {
            return VectorVerdict.Fail(ok ? $"expected an error, got {name}" : "unexpected error");
        }

        var wanted = expect.GetProperty("ids") is { ValueKind: JsonValueKind.Object } ids ? Read(ids) : null;
        return name == wanted ? VectorVerdict.Pass : VectorVerdict.Fail($"expected {wanted}, got {name}");
    }

    private static VectorVerdict Compare(JsonElement expect, string member, string found, string? wrongField)
    {
        var wanted = (expect.GetProperty(member).ToString(), expect.GetProperty("errorField").GetString());
        return wanted == (found, wrongField) ? VectorVerdict.Pass : VectorVerdict.Fail($"expected {wanted}, got {(found, wrongField)}");
    }

    private static WorkloadEndpointName Read(JsonElement ids)
    {
        string Get(string name) => ids.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
        return new()
        {
            Node = Get("node"),
            Orchestrator = Get("orchestrator"),
            Pod = Get("pod"),
            ContainerId = Get("containerID"),
            Workload = Get("workload"),
            Endpoint = Get("endpoint"),
        };
    }
}
