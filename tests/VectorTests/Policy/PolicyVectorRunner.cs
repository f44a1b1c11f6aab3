using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Kubernetes;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.VectorTests.Policy;

/// <summary>Judges <c>policy.json</c>: each flow is asked of the compiled programs of both its ends.</summary>
public sealed class PolicyVectorRunner : IVectorRunner
{
    private static readonly object[] AllowAll = [new { action = "Allow" }];

    private JsonElement _topologies;

    public string File => "policy.json";

    public void Open(JsonElement document) => _topologies = document.TryGetProperty("topologies", out var topologies) ? topologies : default;

    public VectorVerdict Run(JsonElement vector)
    {
        if (Items(vector, "services").Any())
        {
            return VectorVerdict.Skip("services are not followed yet");
        }

        if (Items(vector, "hostEndpoints").Any())
        {
            return RunHosts(vector);
        }

        var named = vector.GetProperty("endpoints");
        var topology = named.ValueKind == JsonValueKind.String ? _topologies.GetProperty(named.GetString()!) : default;
        var network = new PolicyNetwork();
        AddProfiles(network, topology);
        AddProfiles(network, vector);
        foreach (var endpoint in (topology.ValueKind == JsonValueKind.Object ? topology.GetProperty("endpoints") : named).EnumerateArray())
        {
            network.AddEndpoint(endpoint);
        }

        foreach (var tier in Items(vector, "tiers"))
        {
            network.Add(Kinds.Tier, "", tier.GetProperty("name").GetString()!, Without(tier, "name"));
        }

        foreach (var set in Items(vector, "networkSets"))
        {
            network.AddNetworkSet(set);
        }

        foreach (var policy in Items(vector, "policies"))
        {
            network.Add(policy);
        }

        network.Settle();
        var wrong = (vector.TryGetProperty("truthTable", out var table) && table.ValueKind == JsonValueKind.Object
            ? Differences(network, table)
            : Differences(network, Items(vector, "flows"))).ToList();
        return wrong.Count == 0 ? VectorVerdict.Pass : VectorVerdict.Fail(string.Join('\n', wrong.Take(5)) + '\n' + network.Text());
    }

    /// <summary>A vector whose interface is given two ways holds both ways.</summary>
    private static VectorVerdict RunHosts(JsonElement vector)
    {
        foreach (var interfaceName in (string[])["*", "eth0"])
        {
            var network = new HostVectorNetwork(interfaceName);
            foreach (var endpoint in Items(vector, "hostEndpoints"))
            {
                network.AddHostEndpoint(endpoint);
            }

            foreach (var endpoint in Items(vector, "endpoints"))
            {
                network.AddWorkload(endpoint);
            }

            foreach (var tier in Items(vector, "tiers"))
            {
                network.Add(Kinds.Tier, tier.GetProperty("name").GetString()!, default, Without(tier, "name"));
            }

            AddProfiles(network, vector);

            foreach (var policy in Items(vector, "policies"))
            {
                network.Add(policy);
            }

            network.Settle();
            var wrong = Items(vector, "flows").Where(flow => network.Allows(flow) != flow.GetProperty("allowed").GetBoolean()).ToList();
            if (wrong.Count > 0)
            {
                return VectorVerdict.Fail(string.Join('\n', wrong.Take(5).Select(flow => $"{interfaceName}: {flow.GetRawText()} is not so"))
                    + '\n' + network.Text());
            }
        }

        return VectorVerdict.Pass;
    }

    private static IEnumerable<string> Differences(PolicyNetwork network, IEnumerable<JsonElement> flows)
    {
        foreach (var flow in flows)
        {
            var (source, destination) = (flow.GetProperty("src").GetString()!, flow.GetProperty("dst").GetString()!);
            var allowed = network.Allows(source, destination, flow.GetProperty("proto").GetString()!, flow.GetProperty("dport").GetUInt16());
            if (allowed != flow.GetProperty("allowed").GetBoolean())
            {
                yield return $"{flow.GetRawText()} is {(allowed ? "allowed" : "denied")}";
            }
        }
    }

    private static IEnumerable<string> Differences(PolicyNetwork network, JsonElement table)
    {
        foreach (var grid in table.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Array))
        {
            var (port, protocol) = (grid.Name.Split('/')[0], grid.Name.Split('/')[1]);
            var rows = grid.Value.EnumerateArray().Select(row => row.GetString()!).ToList();
            for (var row = 0; row < rows.Count; row++)
            {
                for (var column = 0; column < rows[row].Length; column++)
                {
                    var (source, destination) = (network.Names[row], network.Names[column]);
                    // A workload reaches itself without a packet.
                    var allowed = row == column || network.Allows(source, destination, protocol, ushort.Parse(port, System.Globalization.CultureInfo.InvariantCulture));
                    if (allowed != (rows[row][column] == '.'))
                    {
                        yield return $"{source} to {destination} {grid.Name} is {(allowed ? "allowed" : "denied")}";
                    }
                }
            }
        }
    }

    /// <summary>A vector that gives none means the one of upstream's tests, which allows everything.</summary>
    private static void AddProfiles(HostVectorNetwork network, JsonElement vector)
    {
        var given = vector.TryGetProperty("profiles", out var profiles) && profiles.ValueKind == JsonValueKind.Object
            ? profiles.EnumerateObject().ToDictionary(profile => profile.Name, profile => profile.Value)
            : new() { ["default"] = JsonSerializer.SerializeToElement(new { ingress = AllowAll, egress = AllowAll }) };
        foreach (var (name, spec) in given)
        {
            network.Add(Kinds.Profile, name, default, spec);
        }
    }

    private static void AddProfiles(PolicyNetwork network, JsonElement of)
    {
        if (of.ValueKind == JsonValueKind.Object && of.TryGetProperty("profiles", out var profiles) && profiles.ValueKind == JsonValueKind.Object)
        {
            foreach (var profile in profiles.EnumerateObject())
            {
                network.Add(Kinds.Profile, "", profile.Name, profile.Value);
            }
        }
    }

    private static IEnumerable<JsonElement> Items(JsonElement of, string name) =>
        of.TryGetProperty(name, out var items) && items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : [];

    private static JsonElement Without(JsonElement of, string name) =>
        JsonSerializer.SerializeToElement(of.EnumerateObject().Where(p => p.Name != name).ToDictionary(p => p.Name, p => p.Value));
}
