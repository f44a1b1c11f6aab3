using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Calico.Datastore.Kubernetes;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;

namespace Calico.VectorTests.Policy;

/// <summary>A vector of <c>policy.json</c> in the product's own words: whoever judges it, by programs or by packets, reads it
/// here.</summary>
internal sealed record PolicyVector
{
    /// <summary>Where a translated port of a host leads, of each vector that has one.</summary>
    public const ushort NodePortTarget = 8055;

    private static readonly object[] AllowAll = [new { action = "Allow" }];

    public required string Id { get; init; }

    public required string Description { get; init; }

    /// <summary>In the vector's order.</summary>
    public required ImmutableArray<VectorEndpoint> Endpoints { get; init; }

    /// <summary>What the store holds, host endpoints apart.</summary>
    public required ImmutableArray<SyncUpdate> Updates { get; init; }

    public required ImmutableArray<VectorFlow> Flows { get; init; }

    public required ImmutableArray<JsonElement> HostEndpoints { get; init; }

    /// <summary>Reads one of the file's.</summary>
    /// <param name="vector">Valid as long as its document.</param>
    /// <param name="topologies">The file's; what a vector that names one instead of endpoints has.</param>
    public static PolicyVector Read(JsonElement vector, JsonElement topologies)
    {
        var given = vector.GetProperty("endpoints");
        var topology = given.ValueKind == JsonValueKind.String ? topologies.GetProperty(given.GetString()!) : default;
        var endpoints = (topology.ValueKind == JsonValueKind.Object ? topology.GetProperty("endpoints") : given).EnumerateArray()
            .Select(ReadEndpoint).ToImmutableArray();
        var hosts = Items(vector, "hostEndpoints").ToImmutableArray();
        return new()
        {
            Id = vector.GetProperty("id").ToString(),
            Description = vector.GetProperty("description").GetString()!,
            Endpoints = endpoints,
            HostEndpoints = hosts,
            Updates =
            [
                .. ReadProfiles(topology, byDefault: false), .. ReadProfiles(vector, byDefault: hosts.Length > 0),
                .. Items(vector, "tiers")
                    .Select(t => Update(Kinds.Tier, "", t.GetProperty("name").GetString()!, default, Without(t, "name"))),
                .. Items(vector, "networkSets").Select(ReadNetworkSet),
                .. Items(vector, "policies").Select(Update),
                .. Items(vector, "services").SelectMany(ReadService),
            ],
            Flows = vector.TryGetProperty("truthTable", out var table) && table.ValueKind == JsonValueKind.Object
                ? [.. ReadTable(table, endpoints)]
                : [.. Items(vector, "flows").Select(ReadFlow)],
        };
    }

    /// <summary>A host endpoint, which the vectors give without the host's addresses.</summary>
    /// <param name="endpoint">The vector's.</param>
    /// <param name="interfaceName">Taken where the vector gives two (<c>*|eth0</c>).</param>
    /// <param name="address">The host's.</param>
    public static SyncUpdate ReadHostEndpoint(JsonElement endpoint, string interfaceName, string address)
    {
        var given = endpoint.GetProperty("interfaceName").GetString()!;
        return Update(Kinds.HostEndpoint, "", endpoint.GetProperty("name").GetString()!, endpoint.GetProperty("labels"),
            JsonSerializer.SerializeToElement(new
            {
                node = endpoint.GetProperty("node").GetString(),
                interfaceName = given.Contains('|', StringComparison.Ordinal) ? interfaceName : given,
                expectedIPs = new[] { address },
            }));
    }

    private static VectorEndpoint ReadEndpoint(JsonElement endpoint, int index)
    {
        var name = endpoint.GetProperty("name").GetString()!;
        var labels = endpoint.GetProperty("labels").EnumerateObject().ToImmutableSortedDictionary(l => l.Name, l => l.Value.GetString()!);
        var address = IPAddress.Parse(endpoint.GetProperty("ip").GetString()!);
        return new(name, endpoint.TryGetProperty("node", out var node) ? node.GetString()! : "host0", address, new()
        {
            Id = new(labels.GetValueOrDefault("projectcalico.org/orchestrator", "felix-fv"), name.Replace('/', '.'), "eth0"),
            Namespace = endpoint.GetProperty("namespace").GetString()!,
            InterfaceName = string.Create(CultureInfo.InvariantCulture, $"cali{index + 1}"),
            Addresses = [new(address, address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32)],
            Labels = labels,
            Profiles = [.. endpoint.GetProperty("profiles").EnumerateArray().Select(p => p.GetString()!)],
            NamedPorts = [.. Items(endpoint, "ports").Select(p => new NamedPort(p.GetProperty("name").GetString()!,
                (ProtocolType)ProtocolOf(p.GetProperty("protocol").GetString()!), p.GetProperty("port").GetUInt16()))],
        });
    }

    private static SyncUpdate ReadNetworkSet(JsonElement set) => Update(ResourceKinds.All.Named(set.GetProperty("kind").GetString()!),
        set.TryGetProperty("namespace", out var space) ? space.GetString()! : "", set.GetProperty("name").GetString()!,
        set.GetProperty("labels"), JsonSerializer.SerializeToElement(new { nets = set.GetProperty("nets") }));

    /// <summary>A Service as Kubernetes says what is behind it: of each endpoint a slice, since each has its own port.</summary>
    private static IEnumerable<SyncUpdate> ReadService(JsonElement service) => Items(service, "endpoints").Select((endpoint, index) =>
        EndpointSliceConversion.Convert(JsonSerializer.SerializeToElement(new
        {
            metadata = new
            {
                name = string.Create(CultureInfo.InvariantCulture, $"{service.GetProperty("name").GetString()}-{index}"),
                @namespace = service.GetProperty("namespace").GetString(),
                labels = new Dictionary<string, string?> { ["kubernetes.io/service-name"] = service.GetProperty("name").GetString() },
            },
            endpoints = new[] { new { addresses = new[] { endpoint.GetProperty("ip") } } },
            ports = new[] { new { port = endpoint.GetProperty("port"), protocol = endpoint.GetProperty("protocol") } },
        }))).Select(slice => new SyncUpdate(slice.Key, slice.Slice));

    /// <summary>A vector with hosts that gives none means the one of upstream's tests, which allows everything.</summary>
    private static IEnumerable<SyncUpdate> ReadProfiles(JsonElement of, bool byDefault) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty("profiles", out var profiles)
            && profiles.ValueKind == JsonValueKind.Object
            ? profiles.EnumerateObject().Select(profile => Update(Kinds.Profile, "", profile.Name, default, profile.Value))
            : byDefault
                ? [Update(Kinds.Profile, "", "default", default,
                    JsonSerializer.SerializeToElement(new { ingress = AllowAll, egress = AllowAll }))]
                : [];

    private static VectorFlow ReadFlow(JsonElement flow) => new(flow.GetProperty("src").GetString()!, flow.GetProperty("dst").GetString()!,
        ProtocolOf(flow.GetProperty("proto").GetString()!), flow.GetProperty("dport").GetUInt16(),
        flow.TryGetProperty("viaNodePort", out var via) ? via.GetString() : null, flow.GetProperty("allowed").GetBoolean());

    private static IEnumerable<VectorFlow> ReadTable(JsonElement table, ImmutableArray<VectorEndpoint> endpoints) =>
        from grid in table.EnumerateObject()
        where grid.Value.ValueKind == JsonValueKind.Array
        let parts = grid.Name.Split('/')
        from row in grid.Value.EnumerateArray().Select((text, at) => (Text: text.GetString()!, At: at))
        from column in row.Text.Select((mark, at) => (Mark: mark, At: at))
        select new VectorFlow(endpoints[row.At].Name, endpoints[column.At].Name, ProtocolOf(parts[1]),
            ushort.Parse(parts[0], CultureInfo.InvariantCulture), null, column.Mark == '.');

    private static SyncUpdate Update(ResourceKind kind, string space, string name, JsonElement labels, JsonElement spec) =>
        Update(JsonSerializer.SerializeToElement(new
        {
            apiVersion = Resource.GroupVersion,
            kind = kind.Name,
            metadata = new
            {
                name,
                @namespace = space.Length == 0 ? null : space,
                labels = labels.ValueKind == JsonValueKind.Object ? labels : JsonSerializer.SerializeToElement(new { }),
            },
            spec,
        }));

    /// <summary>A manifest of ours or of Kubernetes.</summary>
    private static SyncUpdate Update(JsonElement manifest)
    {
        var (group, kind) = (manifest.GetProperty("apiVersion").GetString()!, manifest.GetProperty("kind").GetString()!);
        if (group == Resource.GroupVersion)
        {
            var own = ResourceKinds.All.Named(kind);
            var resource = own.Decode(manifest);
            return new(own.KeyOf(resource), resource);
        }

        var converted = kind == "ClusterNetworkPolicy" ? ClusterNetworkPolicyConversion.Convert(manifest)
            : NetworkPolicyConversion.Convert(manifest);
        return new(converted.Key, converted.Policy);
    }

    private static byte ProtocolOf(string protocol) => protocol.ToUpperInvariant() switch
    {
        "TCP" => 6,
        "UDP" => 17,
        "SCTP" => 132,
        _ => throw new ArgumentException($"protocol {protocol}"),
    };

    private static IEnumerable<JsonElement> Items(JsonElement of, string name) =>
        of.TryGetProperty(name, out var items) && items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : [];

    private static JsonElement Without(JsonElement of, string name) =>
        JsonSerializer.SerializeToElement(of.EnumerateObject().Where(p => p.Name != name).ToDictionary(p => p.Name, p => p.Value));
}
