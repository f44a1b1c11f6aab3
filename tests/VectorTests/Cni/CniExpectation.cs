using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources;
using Calico.TestKit.Workloads;

namespace Calico.VectorTests.Cni;

/// <summary>Compares one expectation of a vector with the last answer and the fake node's record.</summary>
internal sealed class CniExpectation(CniScenario scenario, string output)
{
    private static readonly VectorVerdict NotOurs = VectorVerdict.Skip("decided by the host, not by the adapter");

    private string[] Addresses => [.. CniScenario.AddressesIn(output)];

    private FakeEndpoint Endpoint => scenario.Cni.Node.Endpoints.Single();

    public VectorVerdict Check(string name, JsonElement expected)
    {
        switch (name)
        {
            case "error" or "exitCode":
                return VectorVerdict.Pass; // Judged before: the call succeeded.
            case "delExitCode":
                return Same(expected.GetInt32(), scenario.Call("DEL").ExitCode);
            case "cniVersion":
                return Same(expected.GetString(), JsonNode.Parse(output)!["cniVersion"]!.GetValue<string>());
            case "ips":
                return Same(expected.GetInt32(), Addresses.Length);
            case "interfaces":
                return Same(expected.GetInt32(), JsonNode.Parse(output)!["interfaces"]!.AsArray().Count);
            case "ip":
                return Addresses.Any(a => a == expected.GetString() || a.Split('/')[0] == expected.GetString()) ? VectorVerdict.Pass
                    : Wrong(expected);
            case "ipIn":
                var range = IPNetwork.Parse(scenario.Filled(expected.GetString()!));
                return Addresses.Any(a => range.Contains(IPAddress.Parse(a.Split('/')[0]))) ? VectorVerdict.Pass : Wrong(expected);
            case "ipPrefix":
                return Addresses.Any(a => a.StartsWith(expected.GetString()!, StringComparison.Ordinal)) ? VectorVerdict.Pass
                    : Wrong(expected);
            case "ipv4" or "ipv6":
                var ofFamily = Addresses.Where(a => a.Contains(':') == (name == "ipv6")).ToArray();
                return expected.ValueKind == JsonValueKind.Null ? Same(0, ofFamily.Length)
                    : ofFamily.Length == 1 && ofFamily[0].EndsWith(expected.GetString()!, StringComparison.Ordinal) ? VectorVerdict.Pass
                    : Wrong(expected);
            case "routesCoverEachIP":
                var routes = JsonNode.Parse(output)!["routes"]!.AsArray()
                    .Select(r => IPNetwork.Parse(r!["dst"]!.GetValue<string>())).ToArray();
                return Addresses.All(a => routes.Any(r => r.Contains(IPAddress.Parse(a.Split('/')[0])))) ? VectorVerdict.Pass
                    : Wrong(expected);
            case "result":
                return Result(expected);
            case "assign_ipv4" or "assign_ipv6":
                var count = name == "assign_ipv4" ? Endpoint.Spec.Claim!.Ipv4 : Endpoint.Spec.Claim!.Ipv6;
                return Same(expected.GetString(), count > 0 ? "true" : "false");
            case "contVethMAC":
                return Same(scenario.Filled(expected.GetString()!).Replace(":", "", StringComparison.Ordinal).ToUpperInvariant(),
                    Endpoint.Attachment.Mac.ToString());
            case "workloadEndpoints":
                return Same(expected.GetInt32(), scenario.Cni.Node.Endpoints.Length);
            case "profiles":
                return Same(Join(expected), string.Join(' ', Endpoint.Spec.Profiles));
            case "sameResult" or "sameResultIgnoringRoutes":
                return VectorVerdict.Pass; // Judged before: the addresses are those of the first ADD.
            case "container" when expected.TryGetProperty("sysctls", out var sysctls)
                && sysctls.TryGetProperty("net/ipv4/ip_forward", out var forward):
                return Same(forward.GetString(), Endpoint.Spec.AllowForwarding ? "1" : "0");
            case "workloadEndpoint":
                return WorkloadEndpoint(expected);
            default:
                return NotOurs;
        }
    }

    private VectorVerdict Result(JsonElement expected)
    {
        if (expected.TryGetProperty("ips", out var count) && count.GetInt32() != Addresses.Length)
        {
            return Wrong(expected);
        }

        return expected.TryGetProperty("mask", out var mask)
            && !Addresses.All(a => a.EndsWith(mask.GetString()!, StringComparison.Ordinal)) ? Wrong(expected) : VectorVerdict.Pass;
    }

    private VectorVerdict WorkloadEndpoint(JsonElement expected)
    {
        var (spec, judged) = (Endpoint.Spec, 0);
        foreach (var field in expected.EnumerateObject()
            .SelectMany(f => f.Name == "spec" ? f.Value.EnumerateObject() : Enumerable.Repeat(f, 1)))
        {
            var actual = field.Name switch
            {
                "name" => NameOf(spec),
                "namespace" => spec.Namespace,
                "node" => scenario.Cni.Node.Status.NodeName,
                "pod" => spec.Facts.GetValueOrDefault("pod", ""),
                "containerID" => spec.Facts.GetValueOrDefault("containerID", ""),
                "orchestrator" => spec.Id.Orchestrator,
                "endpoint" => spec.Id.Endpoint,
                "profiles" => string.Join(' ', spec.Profiles),
                "labels" => string.Join(' ', field.Value.EnumerateObject()
                    .Select(l => $"{l.Name}={spec.Labels.GetValueOrDefault(l.Name, "")}")),
                _ => null,
            };
            if (actual is null)
            {
                continue;
            }

            var wanted = field.Value.ValueKind switch
            {
                JsonValueKind.Array => Join(field.Value),
                JsonValueKind.Object => string.Join(' ', field.Value.EnumerateObject().Select(l => $"{l.Name}={l.Value.GetString()}")),
                _ => scenario.Filled(field.Value.GetString()!),
            };
            if (wanted != actual)
            {
                return VectorVerdict.Fail($"{field.Name} is \"{actual}\"; expected \"{wanted}\"");
            }

            judged++;
        }

        return judged > 0 ? VectorVerdict.Pass : NotOurs;
    }

    private string NameOf(EndpointSpec spec)
    {
        var name = new WorkloadEndpointName
        {
            Node = scenario.Cni.Node.Status.NodeName,
            Orchestrator = spec.Id.Orchestrator,
            ContainerId = spec.Instance,
            Pod = spec.Facts.GetValueOrDefault("pod", ""),
            Workload = spec.Id.Workload,
            Endpoint = spec.Id.Endpoint,
        };
        return name.TryFormat(allowPrefix: false, out var text, out _) ? text : "";
    }

    private VectorVerdict Wrong(JsonElement expected) =>
        VectorVerdict.Fail(string.Create(CultureInfo.InvariantCulture, $"expected {expected.GetRawText()}; the answer is {output}"));

    private static VectorVerdict Same<T>(T expected, T actual) =>
        EqualityComparer<T>.Default.Equals(expected, actual) ? VectorVerdict.Pass : VectorVerdict.Fail($"{actual}; expected {expected}");

    private static string Join(JsonElement list) => string.Join(' ', list.EnumerateArray().Select(v => v.GetString()));
}
