using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Store;
using Calico.Host.Workloads.Ports;

namespace Calico.Host.Workloads;

/// <summary>What the node log holds of an endpoint: enough to answer, to remove and to enforce it after a restart with a dead store.
/// </summary>
/// <remarks>Key <c>endpoints/&lt;orchestrator&gt;/&lt;workload&gt;/&lt;endpoint&gt;</c>, parts escaped. Written before the first kernel
/// object; unknown members of a newer minor version are ignored.</remarks>
internal sealed record EndpointRecord
{
    public const string Section = "endpoints/";

    public required string Orchestrator { get; init; }
    public required string Workload { get; init; }
    public required string Endpoint { get; init; }
    public required string Instance { get; init; }
    public required string Adapter { get; init; }
    public string Network { get; init; } = "";
    public string Namespace { get; init; } = "default";
    public ImmutableArray<string> Profiles { get; init; } = [];
    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
    public bool LabelsPending { get; init; }
    public ImmutableArray<string> Addresses { get; init; } = [];
    public ImmutableArray<LeaseRecord> Leases { get; init; } = [];
    public required string HostInterface { get; init; }
    public string PeerInterface { get; init; } = "";
    public required string Mac { get; init; }
    public int Mtu { get; init; }

    /// <summary>Nobody asked for this MTU: it is the node's, and follows it. False in logs of versions that did not know.</summary>
    public bool MtuFollowsNode { get; init; }
    public string? Gateway4 { get; init; }

    /// <summary>Null: the link-local address that every host side has.</summary>
    public string? Gateway6 { get; init; }
    public bool DefaultRoute { get; init; } = true;
    public ImmutableArray<RouteRecord> Routes { get; init; } = [];
    public ImmutableArray<PortRecord> NamedPorts { get; init; } = [];
    public ImmutableArray<PublishedPortRecord> Ports { get; init; } = [];
    public ImmutableArray<string> AllowedSources { get; init; } = [];
    public bool AllowForwarding { get; init; }
    public string Group { get; init; } = "";
    public ImmutableSortedDictionary<string, string> Facts { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Inode of the namespace that has the peer; 0: none, or handed over.</summary>
    public ulong NamespaceIdentity { get; init; }

    /// <summary>Where that namespace was found; another one may be there now.</summary>
    public string? NamespacePath { get; init; }

    /// <summary>Boot that made the kernel objects.</summary>
    public string BootId { get; init; } = "";

    /// <summary>Its adapter prepared it before it has a link, and ends it by a call of its own: a lost link takes it back to prepared.
    /// False, also in logs of versions that did not know: it lives and dies with its link.</summary>
    public bool SplitLife { get; init; }

    /// <summary>The link was asked for (its absence after a restart then means that the namespace died, or that it was never made).
    /// </summary>
    public bool Placed { get; init; }

    /// <summary>Why it is closed although it is wired: its address is another's. Nothing of it is enforced or published until that is over.
    /// </summary>
    public string? Conflict { get; init; }

    /// <summary>The wiring was seen to be complete; written without waiting for the disk.</summary>
    public bool Complete { get; init; }

    [JsonIgnore] public WorkloadEndpointId Id => new(Orchestrator, Workload, Endpoint);

    [JsonIgnore] public string Key => KeyOf(Id);

    [JsonIgnore] public ImmutableArray<IPNetwork> Networks => [.. Addresses.Select(a => IPNetwork.Parse(a))];

    [JsonIgnore] public PhysicalAddress MacAddress =>
        PhysicalAddress.Parse(Mac.Replace(":", "", StringComparison.Ordinal).ToUpperInvariant());

    public static string KeyOf(WorkloadEndpointId id) =>
        $"{Section}{Uri.EscapeDataString(id.Orchestrator)}/{Uri.EscapeDataString(id.Workload)}/{Uri.EscapeDataString(id.Endpoint)}";

    public NodeLogWrite ToWrite() => new(Key, JsonSerializer.SerializeToUtf8Bytes(this, EndpointRecordJson.Default.EndpointRecord));

    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/> with the key as path.</exception>
    public static EndpointRecord Read(string key, ReadOnlyMemory<byte> value)
    {
        try
        {
            var record = JsonSerializer.Deserialize(value.Span, EndpointRecordJson.Default.EndpointRecord)
                ?? throw new JsonException("null");
            record.TouchAll();
            return record.Key == key ? record : throw new JsonException($"it is the entry of {record.Id}");
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or ArgumentException
            or NullReferenceException or OverflowException)
        {
            // What the parsers of its parts throw, and a null where the type has none: whoever uses the record later takes them for
            // granted.
            throw new CalicoException(Problem.Damaged, $"the node log's entry {key} cannot be read: {e.Message}", key, e);
        }
    }

    /// <summary>Reads every part that is stored as text, and every list.</summary>
    private void TouchAll() => _ = (LocalEndpoints.From(this), ToAttachment(EndpointState.Prepared, ""),
        Leases.Select(l => l.ToLease(Adapter, Id)).ToArray(), Ports.Select(p => p.HostAddress).ToArray(),
        Instance.Length + Adapter.Length + HostInterface.Length + PeerInterface.Length + Network.Length + Group.Length + Profiles.Length
        + Facts.Count);

    /// <summary>The record as adapters see it.</summary>
    public Attachment ToAttachment(EndpointState state, string reason)
    {
        var networks = Networks;
        return new(Id, Instance, HostInterface, PeerInterface, MacAddress, Mtu, networks,
            Gateway4 is null ? null : IPAddress.Parse(Gateway4),
            !networks.Any(n => n.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6) ? null
                : Gateway6 is null ? InterfaceNames.HostLinkLocal : IPAddress.Parse(Gateway6),
            AllRoutes(networks), state, reason)
        {
            Profiles = Profiles,
            Network = Network,
        };
    }

    /// <summary>The default routes that this interface has, then the others.</summary>
    private ImmutableArray<Route> AllRoutes(ImmutableArray<IPNetwork> networks)
    {
        var defaults = DefaultRoute
            ? networks.Select(n => n.BaseAddress.AddressFamily).Distinct()
                .Select(f => new Route(new(f == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0), null))
            : [];
        return [.. defaults, .. Routes.Select(r => r.ToRoute())];
    }

    public static string Format(PhysicalAddress mac) =>
        string.Join(':', mac.GetAddressBytes().Select(b => b.ToString("x2", CultureInfo.InvariantCulture)));
}

/// <summary>A lease bound to the endpoint.</summary>
internal sealed record LeaseRecord(string Address, string Handle, LeasePurpose Purpose, string Owner, ulong Sequence, DateTimeOffset Since)
{
    public static LeaseRecord From(AddressLease lease) =>
        new(lease.Address.ToString(), lease.Handle, lease.Purpose, lease.Owner, lease.Sequence, lease.Since);

    public AddressLease ToLease(string adapter, WorkloadEndpointId id) =>
        new(IPAddress.Parse(Address), Handle, Purpose, adapter, Owner, Sequence, id, Since);
}

/// <summary>A route inside the workload's namespace.</summary>
internal sealed record RouteRecord(string Destination, string? Via)
{
    public static RouteRecord From(Route route) => new(route.Destination.ToString(), route.Via?.ToString());

    public Route ToRoute() => new(IPNetwork.Parse(Destination), Via is null ? null : IPAddress.Parse(Via));
}

/// <summary>A named port.</summary>
internal sealed record PortRecord(string Name, int Protocol, int Port)
{
    public NamedPort ToPort() => new(Name, (ProtocolType)Protocol, Port);
}

[JsonSerializable(typeof(EndpointRecord))]
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class EndpointRecordJson : JsonSerializerContext;
