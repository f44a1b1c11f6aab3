using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Resources;

/// <summary>What names a WorkloadEndpoint. Which of pod, container and workload counts depends on the orchestrator; the name joins the
/// parts with single dashes and doubles dashes inside them.</summary>
public sealed record WorkloadEndpointName
{
    public string Node { get; init; } = "";
    public string Orchestrator { get; init; } = "";
    public string Pod { get; init; } = "";
    public string ContainerId { get; init; } = "";
    public string Workload { get; init; } = "";
    public string Endpoint { get; init; } = "";

    /// <summary>The parts that a spec names.</summary>
    public static WorkloadEndpointName Of(WorkloadEndpointSpec spec) => new()
    {
        Node = spec.Node ?? "",
        Orchestrator = spec.Orchestrator ?? "",
        Pod = spec.Pod ?? "",
        ContainerId = spec.ContainerId ?? "",
        Workload = spec.Workload ?? "",
        Endpoint = spec.Endpoint ?? "",
    };

    /// <summary>Makes the name.</summary>
    /// <param name="allowPrefix">Whether missing parts at the end are allowed; the name then ends with a dash.</param>
    /// <param name="name">The name.</param>
    /// <param name="wrongField">The part that is missing or begins or ends with a dash.</param>
    public bool TryFormat(bool allowPrefix, [NotNullWhen(true)] out string? name, [NotNullWhen(false)] out string? wrongField)
    {
        (name, wrongField) = (null, null);
        var text = new StringBuilder();
        var missing = false;
        foreach (var (field, value) in Parts())
        {
            if (value.Length == 0)
            {
                if (!allowPrefix || field == "node")
                {
                    wrongField = field;
                    return false;
                }

                missing = true;
            }
            else if (value.StartsWith('-') || value.EndsWith('-'))
            {
                wrongField = field;
                return false;
            }
            else if (!missing)
            {
                text.Append(text.Length == 0 ? "" : "-").Append(value.Replace("-", "--", StringComparison.Ordinal));
            }
        }

        name = missing ? text.Append('-').ToString() : text.ToString();
        return true;
    }

    /// <summary>Whether a name is one of an endpoint with these parts; a part that is empty here matches any.</summary>
    public bool Matches(string name)
    {
        var segments = Split(name);
        var parts = Parts();
        return Orchestrator.Length > 0 && segments.Length == parts.Length
            && parts.Zip(segments).All(pair => pair.Second.Length > 0 && (pair.First.Value.Length == 0 || pair.First.Value == pair.Second));
    }

    /// <summary>Takes a name, or the beginning of one that ends with a dash, apart.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out WorkloadEndpointName? name)
    {
        name = null;
        var segments = Split(text);
        if (text.Length == 0 || segments.Length > 4 || segments[0].Length == 0)
        {
            return false;
        }

        string At(int index) => index < segments.Length ? segments[index] : "";
        var parsed = new WorkloadEndpointName { Node = At(0), Orchestrator = At(1), Endpoint = At(3) };
        name = At(1) switch
        {
            "k8s" => parsed with { Pod = At(2) },
            "cni" => parsed with { ContainerId = At(2) },
            "libnetwork" => parsed,
            _ => parsed with { Workload = At(2) },
        };
        return true;
    }

    private ImmutableArray<(string Field, string Value)> Parts()
    {
        var middle = Orchestrator switch
        {
            "" => ("orchestrator", ""),
            "k8s" => ("pod", Pod),
            "cni" => ("containerID", ContainerId),
            "libnetwork" => ("workload", "libnetwork"),
            _ => ("workload", Workload),
        };
        return [("node", Node), ("orchestrator", Orchestrator), middle, ("endpoint", Endpoint)];
    }

    private static ImmutableArray<string> Split(string name)
    {
        var segments = ImmutableArray.CreateBuilder<string>();
        var segment = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (name[i] != '-')
            {
                segment.Append(name[i]);
            }
            else if (i + 1 < name.Length && name[i + 1] == '-')
            {
                segment.Append('-');
                i++;
            }
            else
            {
                segments.Add(segment.ToString());
                segment.Clear();
            }
        }

        segments.Add(segment.ToString());
        return segments.ToImmutable();
    }
}
