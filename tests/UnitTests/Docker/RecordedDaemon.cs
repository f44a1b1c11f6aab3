using System.Text.Json.Nodes;

namespace Calico.UnitTests.Docker;

/// <summary>Plays what a real dockerd sent, request by request, to the adapter. What the recorded driver had answered (pool ids,
/// addresses) is replaced by what this one answered, as dockerd would have sent it back.</summary>
internal sealed class RecordedDaemon(DockerHarness docker)
{
    private const string Generic = "com.docker.network.generic";

    private readonly Dictionary<string, string> _instead =
        ((string[])["cl", "clnd", "clsame", "clmac", "clip"]).ToDictionary(driver => driver + "-local", _ => DockerClient.Space);

    /// <summary>Folder of the recordings, or null.</summary>
    public static string? Folder =>
        Environment.GetEnvironmentVariable("CALICO_REFERENCE") is { } reference && Directory.Exists(Path.Combine(reference, "dockerd-wire"))
            ? Path.Combine(reference, "dockerd-wire")
            : null;

    /// <summary>Plays one recording.</summary>
    /// <returns>A line for each call that was refused.</returns>
    public async Task<List<string>> PlayAsync(string name)
    {
        var refused = new List<string>();
        var recording = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder!, name + ".json")))!;
        foreach (var exchange in recording["exchanges"]!.AsArray())
        {
            var (call, recorded) = ((string)exchange!["call"]!, exchange["response"]?.AsObject());
            // What the recorded driver failed on purpose dockerd takes for not done; here it never came.
            if (recorded?.ContainsKey("Err") == true && !IsTeardown(call))
            {
                continue;
            }

            var request = Adapt(call, exchange["request"]?.DeepClone());
            var isIpam = call.StartsWith("Ipam", StringComparison.Ordinal);
            var (status, answer) = await docker.SendAsync(call, request?.ToJsonString() ?? "", isIpam);
            if (status != 200 || answer.ContainsKey("Err"))
            {
                refused.Add($"{name}: {call} {request?.ToJsonString()} -> {status} {answer.ToJsonString()}");
                continue;
            }

            if (recorded?.ContainsKey("Err") != true && ShapeFault(call, recorded ?? [], answer) is { } fault)
            {
                refused.Add($"{name}: {call}: {fault}: {answer.ToJsonString()}");
            }

            Learn(recorded, answer);
        }

        return refused;
    }

    private static bool IsTeardown(string call) =>
        ((string[])["Release", "Delete", "Leave", "Revoke"]).Any(verb => call.Contains(verb, StringComparison.Ordinal));

    /// <summary>What dockerd would not have understood.</summary>
    private static string? ShapeFault(string call, JsonObject recorded, JsonObject answer) => call switch
    {
        "NetworkDriver.CreateEndpoint" when HasMac(recorded) != HasMac(answer) => "the MAC",
        "NetworkDriver.Join" when answer["InterfaceName"]?["SrcName"] is null || answer["StaticRoutes"] is not JsonArray => "the link",
        "IpamDriver.RequestPool" when answer["PoolID"] is null || answer["Data"]?["com.docker.network.gateway"] is null => "the pool",
        "IpamDriver.RequestAddress" when !((string?)answer["Address"] ?? "").Contains('/') => "the address",
        _ => null,
    };

    private static bool HasMac(JsonObject answer) => answer["Interface"]?["MacAddress"] is not null;

    /// <summary>Options that the recorded driver took from anybody, and this one refuses by name (tested apart), are left out.</summary>
    private JsonNode? Adapt(string call, JsonNode? request)
    {
        if (request is JsonObject body)
        {
            switch (call)
            {
                case "IpamDriver.RequestPool":
                    body["Options"] = new JsonObject();
                    break;
                case "IpamDriver.RequestAddress" when body["Options"] is JsonObject asked:
                    asked.Remove("com.docker.network.endpoint.macaddress");
                    break;
                case "NetworkDriver.CreateNetwork" when body["Options"] is JsonObject options:
                    options[Generic] = new JsonObject { ["com.docker.network.driver.mtu"] = "1410" };
                    break;
                case "NetworkDriver.CreateEndpoint" when body["Options"] is JsonObject options:
                    foreach (var own in options.Select(o => o.Key).Where(k => !k.StartsWith("com.", StringComparison.Ordinal)).ToArray())
                    {
                        options.Remove(own);
                    }

                    break;
            }
        }

        return Replace(request);
    }

    private JsonNode? Replace(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.Select(p => KeyValuePair.Create(p.Key, Replace(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Replace)]),
        JsonValue v when v.TryGetValue(out string? text) => JsonValue.Create(_instead.GetValueOrDefault(text, text)),
        _ => node?.DeepClone(),
    };

    private void Learn(JsonObject? recorded, JsonObject answer)
    {
        if ((string?)recorded?["PoolID"] is { } pool)
        {
            _instead[pool] = (string)answer["PoolID"]!;
        }

        if ((string?)recorded?["Address"] is { } address)
        {
            var ours = (string)answer["Address"]!;
            (_instead[address], _instead[address.Split('/')[0]]) = (ours, ours.Split('/')[0]);
        }
    }
}
