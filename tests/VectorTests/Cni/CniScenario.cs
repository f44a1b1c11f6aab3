using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Calico.VectorTests.Cni;

/// <summary>A vector's configuration, environment, pools and annotations, with its placeholders filled in.</summary>
internal sealed class CniScenario
{
    public const string Mac = "1c:0c:0a:c0:ff:ee";

    private readonly string _kind;
    private readonly JsonElement _vector;
    private readonly Dictionary<string, string> _environment = [];

    public CniScenario(CniUnderTest cni, JsonElement vector)
    {
        (Cni, _vector, _kind) = (cni, vector, vector.GetProperty("kind").GetString()!);
        cni.Node.Pools = PoolsIn(vector);
        var configuration = vector.TryGetProperty("conf", out var given) && given.ValueKind == JsonValueKind.Object ? given.GetRawText()
            : DefaultConfiguration(vector);
        Configuration = JsonNode.Parse(configuration.Replace("${CNI_VERSION}", "0.3.1", StringComparison.Ordinal))!.AsObject();
        if (vector.TryGetProperty("env", out var environment))
        {
            foreach (var variable in environment.EnumerateObject())
            {
                _environment[variable.Name] = variable.Value.GetString()!;
            }
        }

        if (vector.TryGetProperty("podAnnotations", out var annotations))
        {
            Configuration["runtimeConfig"] =
                new JsonObject { ["io.kubernetes.cri.pod-annotations"] = JsonNode.Parse(Filled(annotations.GetRawText())) };
        }
        // A host has one name; the configuration may repeat it.
        if ((Configuration["nodename"] ?? Configuration["hostname"])?.GetValue<string>() is { } nodeName)
        {
            cni.Node.Status.NodeName = nodeName;
        }
    }

    public CniUnderTest Cni { get; }

    public JsonObject Configuration { get; }

    public string Pod { get; set; } = "pod-1";

    public string InterfaceName { get; set; } = "eth0";

    public string ContainerId => _environment.GetValueOrDefault("CNI_CONTAINERID", "c1");

    public bool IsKubernetes => _kind.StartsWith("K8S", StringComparison.Ordinal);

    public bool IsIpam => _kind.StartsWith("IPAM", StringComparison.Ordinal);

    public (int ExitCode, string Output) Call(string verb, string? containerId = null)
    {
        var environment = new Dictionary<string, string>(_environment) { ["CNI_IFNAME"] = InterfaceName };
        if (containerId is not null)
        {
            environment["CNI_CONTAINERID"] = containerId;
        }

        if (IsKubernetes)
        {
            environment["CNI_ARGS"] =
                $"IgnoreUnknown=1;K8S_POD_NAME={Pod};K8S_POD_NAMESPACE=test;{environment.GetValueOrDefault("CNI_ARGS", "")}";
        }

        return Cni.Call(verb, Configuration, environment, IsIpam);
    }

    /// <summary>The vector's own sequence of verbs, or one. The last answer counts; all before it must succeed.</summary>
    public (int ExitCode, string Output) Sequence(string verb)
    {
        if (!_vector.TryGetProperty("sequence", out var sequence))
        {
            return Call(verb);
        }

        (int ExitCode, string Output) last = default;
        foreach (var step in sequence.EnumerateArray())
        {
            if (last.ExitCode != 0)
            {
                return last;
            }

            last = Call(step.GetString()!);
        }

        return last;
    }

    /// <summary>A placeholder's meaning; any other text is itself.</summary>
    public string Filled(string text) => text.Replace("<mac>", Mac, StringComparison.Ordinal)
        .Replace("<invalid>", "no-mac", StringComparison.Ordinal)
        .Replace("<pool2 name>", "pool-1", StringComparison.Ordinal).Replace("<pool2>", "10.66.0.0/16", StringComparison.Ordinal)
        .Replace("<node>", Cni.Node.Status.NodeName, StringComparison.Ordinal).Replace("<pod>", Pod, StringComparison.Ordinal);

    public static IEnumerable<string> AddressesIn(string output)
    {
        var result = JsonNode.Parse(output)!;
        return result["ips"] is JsonArray ips
            ? ips.Select(ip => ip!["address"]!.GetValue<string>())
            : new[] { result["ip4"], result["ip6"] }.Where(ip => ip is not null).Select(ip => ip!["ip"]!.GetValue<string>());
    }

    public static bool WantsError(JsonElement expect) =>
        expect.TryGetProperty("error", out var error) && error.ValueKind is JsonValueKind.True or JsonValueKind.String
        || TextOf(expect, "exitCode") is ">0" or "nonzero";

    public static string TextOf(JsonElement at, string name) =>
        at.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static string DefaultConfiguration(JsonElement vector)
    {
        var text = vector.GetRawText();
        var dual = text.Contains("ual-stack", StringComparison.Ordinal) || text.Contains("ual stack", StringComparison.Ordinal)
            || text.Contains("ipFamilies", StringComparison.Ordinal);
        var ipam = text.Contains("host-local", StringComparison.Ordinal)
            ? """{"type":"host-local","subnet":"192.0.2.0/24"}"""
            : dual ? """{"type":"calico-ipam","assign_ipv6":"true"}""" : """{"type":"calico-ipam"}""";
        return $$"""{"cniVersion":"0.3.1","name":"calico-uts","type":"calico","policy":{"type":"k8s"},"ipam":{{ipam}}}""";
    }

    /// <summary>As the vector lists them, else as its annotations and expectations name them.</summary>
    private static ImmutableArray<AddressPool> PoolsIn(JsonElement vector)
    {
        var pools = new List<(string Cidr, int? BlockSize)>();
        if (vector.TryGetProperty("pools", out var given))
        {
            foreach (var pool in given.EnumerateArray())
            {
                var text = pool.ValueKind == JsonValueKind.String ? pool.GetString()! : pool.GetProperty("cidr").GetString()!;
                var size = text.IndexOf("blockSize ", StringComparison.Ordinal);
                pools.Add((text.Split(' ')[0], size < 0 ? null
                    : int.Parse(text[(size + 10)..].TrimEnd(')'), System.Globalization.CultureInfo.InvariantCulture)));
            }
        }
        else if (vector.TryGetProperty("podAnnotations", out var annotations))
        {
            foreach (var annotation in annotations.EnumerateObject().Where(a => a.Name.EndsWith("pools", StringComparison.Ordinal)))
            {
                pools.AddRange(JsonNode.Parse(annotation.Value.GetString()!)!.AsArray().Select(p => p!.GetValue<string>())
                    .Where(p => p.Contains('/')).Select(p => (p, (int?)null)));
            }
        }

        if (pools.Count == 0)
        {
            pools = [("192.168.0.0/16", null), ("10.66.0.0/16", null), ("fd80:24e2:f998:72d6::/64", null)];
        }

        return [.. pools.Select((p, i) => new AddressPool($"pool-{i}", IPNetwork.Parse(p.Cidr),
            p.BlockSize ?? (p.Cidr.Contains(':') ? 122 : 26), false))];
    }
}
