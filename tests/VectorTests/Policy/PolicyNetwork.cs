using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Kubernetes;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.VectorTests.Policy;

/// <summary>Endpoints and policies of a vector in one calculation graph, and what its programs say of a connection.</summary>
internal sealed class PolicyNetwork
{
    private readonly CalculationGraph _graph = new("node");
    private readonly ImmutableArray<SyncUpdate>.Builder _updates = ImmutableArray.CreateBuilder<SyncUpdate>();
    private readonly Dictionary<string, HashSet<IpSetMember>> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RuleList> _lists = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EndpointUpdate> _endpoints = new(StringComparer.Ordinal);
    private readonly Dictionary<WorkloadEndpointId, string> _names = [];

    /// <summary>Of the endpoints, in the vector's order.</summary>
    public List<string> Names { get; } = [];

    public void AddEndpoint(JsonElement endpoint)
    {
        var name = endpoint.GetProperty("name").GetString()!;
        var space = endpoint.GetProperty("namespace").GetString()!;
        var labels = endpoint.GetProperty("labels").EnumerateObject().ToImmutableSortedDictionary(l => l.Name, l => l.Value.GetString()!);
        var id = new WorkloadEndpointId(labels.GetValueOrDefault("projectcalico.org/orchestrator", "felix-fv"), name.Replace('/', '.'), "eth0");
        Names.Add(name);
        _names.Add(id, name);
        _graph.Set(new()
        {
            Id = id,
            Namespace = space,
            InterfaceName = $"cali{Names.Count}",
            Addresses = [new(IPAddress.Parse(endpoint.GetProperty("ip").GetString()!), endpoint.GetProperty("ip").GetString()!.Contains(':', StringComparison.Ordinal) ? 128 : 32)],
            Labels = labels,
            Profiles = [.. endpoint.GetProperty("profiles").EnumerateArray().Select(p => p.GetString()!)],
            NamedPorts = endpoint.TryGetProperty("ports", out var ports)
                ? [.. ports.EnumerateArray().Select(p => new NamedPort(p.GetProperty("name").GetString()!, Number(p.GetProperty("protocol").GetString()!), p.GetProperty("port").GetUInt16()))]
                : [],
        });
    }

    public void AddNetworkSet(JsonElement set)
    {
        var kind = KindOf(set.GetProperty("kind").GetString()!);
        var space = set.TryGetProperty("namespace", out var given) ? given.GetString()! : "";
        Add(JsonSerializer.SerializeToElement(new
        {
            apiVersion = Resource.GroupVersion,
            kind = kind.Name,
            metadata = new { name = set.GetProperty("name").GetString(), @namespace = space.Length == 0 ? null : space, labels = set.GetProperty("labels") },
            spec = new { nets = set.GetProperty("nets") },
        }));
    }

    /// <summary>A manifest of ours or of Kubernetes.</summary>
    public void Add(JsonElement manifest)
    {
        var (group, kind) = (manifest.GetProperty("apiVersion").GetString()!, manifest.GetProperty("kind").GetString()!);
        if (group == Resource.GroupVersion)
        {
            var resource = KindOf(kind).Decode(manifest);
            _updates.Add(new(KindOf(kind).KeyOf(resource), resource));
            return;
        }

        var converted = kind == "ClusterNetworkPolicy" ? ClusterNetworkPolicyConversion.Convert(manifest) : NetworkPolicyConversion.Convert(manifest);
        _updates.Add(new(converted.Key, converted.Policy));
    }

    public void Add(ResourceKind kind, string space, string name, JsonElement spec) => Add(JsonSerializer.SerializeToElement(new
    {
        apiVersion = Resource.GroupVersion,
        kind = kind.Name,
        metadata = new { name, @namespace = space.Length == 0 ? null : space },
        spec,
    }));

    public void Settle()
    {
        _graph.Apply(new(SyncStatus.InSync, 1, _updates.ToImmutable()));
        foreach (var update in _graph.Flush())
        {
            switch (update)
            {
                case IpSetUpdate set:
                    _sets[set.Id] = [.. set.Added];
                    break;
                case RuleListUpdate list:
                    _lists[list.List.Id] = list.List;
                    break;
                case EndpointUpdate endpoint:
                    _endpoints[_names[endpoint.Id]] = endpoint;
                    break;
                default:
                    break;
            }
        }
    }

    public bool Allows(string source, string destination, string protocol, ushort port)
    {
        var (from, to) = (_endpoints[source], _endpoints[destination]);
        var oracle = new PolicyOracle(_lists.GetValueOrDefault, (set, member) => member.Port != 0
            ? _sets[set].Contains(member)
            : _sets[set].Any(range => range.Address.Contains(member.Address)));
        var packet = new FirstPacket(from.Addresses[0], to.Addresses[0], (byte)Number(protocol), 40000, port, null);
        return oracle.Allows(from.Egress, packet) && oracle.Allows(to.Ingress, packet);
    }

    /// <summary>The programs, for a failure's message.</summary>
    public string Text() => string.Join('\n', _endpoints.Select(e =>
        $"{e.Key} ingress:\n{e.Value.Ingress.ToText(_lists.GetValueOrDefault)}\n{e.Key} egress:\n{e.Value.Egress.ToText(_lists.GetValueOrDefault)}"));

    private static ResourceKind KindOf(string name) => ResourceKinds.All.TryFind(name, out var kind) ? kind : throw new ArgumentException($"kind {name}");

    private static System.Net.Sockets.ProtocolType Number(string protocol) => protocol.ToLowerInvariant() switch
    {
        "tcp" => System.Net.Sockets.ProtocolType.Tcp,
        "udp" => System.Net.Sockets.ProtocolType.Udp,
        "sctp" => (System.Net.Sockets.ProtocolType)132,
        _ => throw new ArgumentException($"protocol {protocol}"),
    };
}
