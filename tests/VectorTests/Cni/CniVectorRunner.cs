using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Calico.TestKit.Workloads;

namespace Calico.VectorTests.Cni;

/// <summary>Plugin calls through the adapter's dispatcher over a fake node; names and fields by the functions that make them.</summary>
/// <remarks>What the fake cannot vouch for (pool selectors, the kernel) is judged where it is decided: ipam.json, kernel tests.</remarks>
public sealed partial class CniVectorRunner : IVectorRunner
{
    private const string KubernetesApi = "needs the Kubernetes API, which this adapter does not ask yet";

    public string File => "cni.json";

    public VectorVerdict Run(JsonElement vector)
    {
        var kind = vector.GetProperty("kind").GetString()!;
        if (WhyNotBuilt(kind, vector) is { } reason)
        {
            return VectorVerdict.Skip(reason);
        }

        using var cni = new CniUnderTest();
        var scenario = new CniScenario(cni, vector);
        return kind switch
        {
            "testConnection" => TestConnection(cni, vector),
            "mtuFile" => MtuFile(cni, scenario, vector),
            "DEL" or "IPAM-DEL" => Judge(scenario, scenario.Call("DEL"), vector),
            "IPAM-ADD" => Judge(scenario, scenario.Sequence("ADD"), vector),
            "ADD" or "K8S-ADD" or "CHECK" => Mtus(scenario, vector) ?? Judge(scenario, scenario.Sequence("ADD"), vector),
            "ADD-again" or "K8S-ADD-again" => Again(cni, scenario, vector),
            "K8S-RACE" => Race(scenario, vector),
            _ => CniNameVectors.Run(vector),
        };
    }

    private static string? WhyNotBuilt(string kind, JsonElement vector)
    {
        var text = vector.GetRawText();
        var expect = vector.GetProperty("expect");
        if (kind is "DEL" or "IPAM-DEL" && CniScenario.TextOf(expect, "exitCode") == "nonzero")
        {
            return "a DEL succeeds without a datastore, by design: the release is journalled";
        }

        if (kind == "ADD" && text.Contains("AddRequest", StringComparison.Ordinal))
        {
            return "there is no gRPC dataplane";
        }

        if (text.Contains("floatingIPs", StringComparison.Ordinal) && !CniScenario.WantsError(expect))
        {
            return "floating IPs are not built";
        }

        if (kind == "host-local" || text.Contains("usePodCidr", StringComparison.Ordinal) && kind != "K8S-ADD")
        {
            return "usePodCidr " + KubernetesApi;
        }

        if (text.Contains("namespaceAnnotations", StringComparison.Ordinal) && !vector.TryGetProperty("podAnnotations", out _))
        {
            return "a namespace's annotations: " + KubernetesApi;
        }

        if (text.Contains("serviceAccountName", StringComparison.Ordinal) || text.Contains("serviceaccount", StringComparison.Ordinal))
        {
            return "a pod's service account: " + KubernetesApi;
        }

        if (text.Contains("generateName", StringComparison.Ordinal) || text.Contains("\"ports\"", StringComparison.Ordinal)
            || text.Contains("touchfile", StringComparison.Ordinal))
        {
            return "the pod's object: " + KubernetesApi;
        }

        if (text.Contains("allowedUses", StringComparison.Ordinal) || text.Contains("Selector\"", StringComparison.Ordinal))
        {
            return "which pools may be used is decided by IPAM: ipam.json";
        }

        return vector.TryGetProperty("precondition", out _) && kind != "ADD"
            && kind != "K8S-ADD" ? "the precondition is upstream's datastore" : null;
    }

    private static VectorVerdict TestConnection(CniUnderTest cni, JsonElement vector)
    {
        if (vector.GetProperty("description").GetString()!.Contains("unreachable", StringComparison.Ordinal))
        {
            cni.Node.Status.CanConnect = (false, ["the datastore does not answer"]);
        }

        var (exitCode, output) = cni.Call("CALICO_TEST", [], new Dictionary<string, string>());
        var expect = vector.GetProperty("expect");
        if (exitCode != expect.GetProperty("exitCode").GetInt32())
        {
            return VectorVerdict.Fail($"exit code {exitCode}: {output}");
        }

        if (!expect.TryGetProperty("cniError", out var error))
        {
            return VectorVerdict.Pass;
        }

        var said = JsonNode.Parse(output)!;
        return said["code"]!.GetValue<int>() == error.GetProperty("code").GetInt32()
            && said["msg"]!.GetValue<string>() == error.GetProperty("msg").GetString()
            ? VectorVerdict.Pass
            : VectorVerdict.Fail(output);
    }

    private static VectorVerdict MtuFile(CniUnderTest cni, CniScenario scenario, JsonElement vector)
    {
        var description = vector.GetProperty("description").GetString()!;
        scenario.Configuration["require_mtu_file"] = description.Contains("require_mtu_file true", StringComparison.Ordinal);
        if (description.Contains("unreadable", StringComparison.Ordinal))
        {
            Directory.CreateDirectory(cni.Settings.MtuFile);
        }
        else if (!description.Contains("missing", StringComparison.Ordinal))
        {
            System.IO.File.WriteAllText(cni.Settings.MtuFile, DigitsOf(description));
        }

        return Judge(scenario, scenario.Call("ADD"), vector);
    }

    /// <summary>Vectors about MTUs say in words where the number stands.</summary>
    private static VectorVerdict? Mtus(CniScenario scenario, JsonElement vector)
    {
        if (!vector.GetProperty("expect").TryGetProperty("contVethMTU", out var expected))
        {
            return null;
        }

        var mtus = expected.ValueKind == JsonValueKind.Array ? expected.EnumerateArray().Select(m => m.GetInt32()).ToArray()
            : [expected.GetInt32()];
        var inFile = vector.GetProperty("description").GetString()!.Contains("/var/lib/calico/mtu", StringComparison.Ordinal);
        for (var i = 0; i < mtus.Length; i++)
        {
            if (inFile)
            {
                System.IO.File.WriteAllText(scenario.Cni.Settings.MtuFile, mtus[i].ToString(CultureInfo.InvariantCulture));
            }
            else
            {
                scenario.Configuration["mtu"] = mtus[i];
            }

            scenario.Pod = $"pod-{i}";
            var (exitCode, output) = scenario.Call("ADD", $"container-{i}");
            if (exitCode != 0)
            {
                return VectorVerdict.Fail(output);
            }
        }

        var actual = scenario.Cni.Node.Endpoints.OrderBy(e => e.Spec.Instance, StringComparer.Ordinal)
            .Select(e => e.Spec.Mtu ?? 0).ToArray();
        return actual.SequenceEqual(mtus) ? VectorVerdict.Pass : VectorVerdict.Fail($"MTUs {string.Join(", ", actual)}");
    }

    private static VectorVerdict Again(CniUnderTest cni, CniScenario scenario, JsonElement vector)
    {
        var first = scenario.Call("ADD");
        if (first.ExitCode != 0)
        {
            return VectorVerdict.Fail("first ADD: " + first.Output);
        }

        var expect = vector.GetProperty("expect");
        if (expect.TryGetProperty("originalAllocationKept", out _))
        {
            cni.Node.Faults.FailAt("kernel.link", new CalicoException(Problem.Refused, "add link: refused"));
            var failed = scenario.Call("ADD", "second");
            return failed.ExitCode != 0 && cni.Node.Leases.Length == 1 && cni.Node.Endpoints.Single().Spec.Instance == scenario.ContainerId
                ? VectorVerdict.Pass
                : VectorVerdict.Fail($"exit {failed.ExitCode}, leases {string.Join(' ', cni.Node.Leases.Select(l => l.Handle))}");
        }

        if (vector.GetProperty("description").GetString()!.Contains("another CNI_IFNAME", StringComparison.Ordinal))
        {
            scenario.InterfaceName = "eth1";
        }

        var second = scenario.Call("ADD");
        if (second.ExitCode != 0 || !CniScenario.AddressesIn(second.Output).SequenceEqual(CniScenario.AddressesIn(first.Output)))
        {
            return VectorVerdict.Fail($"first {first.Output} second {second.Output}");
        }

        return Judge(scenario, second, vector);
    }

    private static VectorVerdict Race(CniScenario scenario, JsonElement vector)
    {
        foreach (var (verb, container) in (ReadOnlySpan<(string, string)>)[("ADD", "X"), ("ADD", "Y"), ("DEL", "X")])
        {
            var (exitCode, output) = scenario.Call(verb, container);
            if (exitCode != 0)
            {
                return VectorVerdict.Fail($"{verb} {container}: {output}");
            }
        }

        return Judge(scenario, (0, ""), vector);
    }

    private static VectorVerdict Judge(CniScenario scenario, (int ExitCode, string Output) last, JsonElement vector)
    {
        var expect = vector.GetProperty("expect");
        if (CniScenario.WantsError(expect))
        {
            if (last.ExitCode == 0)
            {
                return VectorVerdict.Fail("succeeded: " + last.Output);
            }

            var text = CniScenario.TextOf(expect, "error");
            return text.Length == 0 || Unescaped(last.Output).Contains(text, StringComparison.OrdinalIgnoreCase)
                ? VectorVerdict.Pass
                : VectorVerdict.Fail($"\"{text}\" is not in {last.Output}");
        }

        if (last.ExitCode != 0)
        {
            return VectorVerdict.Fail(last.Output);
        }

        var judged = 0;
        foreach (var expectation in expect.EnumerateObject())
        {
            switch (new CniExpectation(scenario, last.Output).Check(expectation.Name, expectation.Value))
            {
                case VectorVerdict.Failed failed:
                    return failed;
                case VectorVerdict.Passed:
                    judged++;
                    break;
                case VectorVerdict.NotApplicable skipped when expect.EnumerateObject().Count() == 1:
                    return skipped;
            }
        }

        return judged > 0 ? VectorVerdict.Pass : VectorVerdict.Skip("nothing of what is expected is this adapter's to do");
    }

    private static string Unescaped(string output)
    {
        var said = JsonNode.Parse(output)!;
        return $"{said["msg"]} {said["details"]}";
    }

    private static string DigitsOf(string text) => Digits().Match(text) is { Success: true } match ? match.Value : "1400";

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
