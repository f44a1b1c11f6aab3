using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using Calico.TestKit.Store;

namespace Calico.VectorTests.Ipam;

/// <summary>A datastore as a vector describes it, and IPAM over it.</summary>
internal sealed class IpamDatastore
{
    private const string Resources = "/calico/resources/v3/projectcalico.org/";

    private readonly InMemoryStore _store;

    public IpamDatastore() : this(new InMemoryStore()) { }

    private IpamDatastore(InMemoryStore store)
    {
        _store = store;
        Client = new(store, null, TimeProvider.System);
    }

    public IpamClient Client { get; }

    public InMemoryStore Store => _store;

    /// <summary>Every address assigned so far and not released.</summary>
    public List<IPAddress> Assigned { get; } = [];

    public string FirstNode { get; private set; } = "host";

    /// <summary>Lays down pools, nodes, reservations and configuration.</summary>
    public void Prepare(JsonElement vector)
    {
        foreach (var pool in Items(vector, "pools"))
        {
            SetPool(pool);
        }

        if (vector.TryGetProperty("nodes", out var nodes) && nodes.ValueKind == JsonValueKind.Object)
        {
            foreach (var node in nodes.EnumerateObject())
            {
                FirstNode = node.Name;
                SetNode(node.Name, node.Value);
            }
        }

        SetReservations(vector);
        if (vector.TryGetProperty("config", out var config) && config.ValueKind == JsonValueKind.Object)
        {
            Run(Client.SetConfigAsync(Config(config), default));
        }
    }

    public static IpamConfigValue Config(JsonElement config) => IpamConfigValue.Default with
    {
        StrictAffinity = Flag(config, "strictAffinity", false),
        AutoAllocateBlocks = Flag(config, "autoAllocateBlocks", true),
        MaxBlocksPerHost = Number(config, "maxBlocksPerHost"),
        IpCooldownSeconds = Number(config, "ipCooldownSeconds"),
    };

    public void SetNode(string name, JsonElement labels) =>
        Put($"nodes/{name}", $$"""{"kind":"Node","metadata":{"name":{{JsonSerializer.Serialize(name)}},"labels":{{Labels(labels)}} },"spec":{} }""");

    public void SetPool(JsonElement pool)
    {
        var spec = JsonSerializer.SerializeToNode(pool)!.AsObject();
        var name = NameOf(pool.GetProperty("cidr").GetString()!);
        if (Item(name) is { } before)
        {
            foreach (var field in before.AsObject().Where(f => !spec.ContainsKey(f.Key)).ToArray())
            {
                spec[field.Key] = field.Value?.DeepClone();
            }
        }

        spec.Remove("expect");
        spec.Remove("op");
        Put($"ippools/{name}", $$"""{"kind":"IPPool","metadata":{"name":"{{name}}"},"spec":{{spec.ToJsonString()}} }""");
    }

    public void DeletePool(string cidr) => _store.Remove($"{Resources}ippools/{NameOf(cidr)}");

    public void SetReservations(JsonElement vector)
    {
        var ranges = Items(vector, "reservations").Where(r => r.ValueKind == JsonValueKind.String).Select(r => r.GetString()!).ToArray();
        if (ranges.Length > 0)
        {
            Put("ipreservations/r",
                $$"""{"kind":"IPReservation","metadata":{"name":"r"},"spec":{"reservedCIDRs":{{JsonSerializer.Serialize(ranges)}} } }""");
        }
    }

    public ImmutableArray<AllocationBlock> Blocks() => [.. Run(Client.BlocksAsync(4, default)), .. Run(Client.BlocksAsync(6, default))];

    public static T Run<T>(Task<T> task) => task.GetAwaiter().GetResult();

    public static void Run(Task task) => task.GetAwaiter().GetResult();

    public static IEnumerable<JsonElement> Items(JsonElement element, string name) =>
        element.TryGetProperty(name, out var items) && items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : [];

    public static bool Flag(JsonElement element, string name, bool otherwise) =>
        element.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : otherwise;

    public static int Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt32() : 0;

    public static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string NameOf(string cidr) => "pool-" + cidr.Replace('/', '-').Replace(':', '.');

    private static string Labels(JsonElement labels) =>
        labels.ValueKind != JsonValueKind.Object ? "{}"
        : labels.TryGetProperty("labels", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner.GetRawText()
        : labels.GetRawText();

    private System.Text.Json.Nodes.JsonNode? Item(string name)
    {
        var stored = _store.Snapshot($"{Resources}ippools/{name}");
        return stored.IsEmpty ? null : System.Text.Json.Nodes.JsonNode.Parse(stored[0].Value.Span)!["spec"];
    }

    private void Put(string path, string json) => _store.Set(Resources + path, json);
}
