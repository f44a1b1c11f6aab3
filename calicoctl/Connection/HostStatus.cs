using System.Text.Json.Serialization;

namespace Calico.Cli.Connection;

/// <summary>What the host answers to <c>GET /status</c>. Members have defaults and setters: a host of another version may leave some out.
/// </summary>
internal sealed record HostStatus
{
    public string Node { get; set; } = "";
    public string Version { get; set; } = "";
    public double UptimeSeconds { get; set; }
    public bool Ready { get; set; }
    public IReadOnlyList<string> Reasons { get; set; } = [];
    public HostDatastore Datastore { get; set; } = new("", "", 0, 0);
    public SortedDictionary<string, int> Endpoints { get; set; } = [];
    public IReadOnlyList<HostWarning> Warnings { get; set; } = [];
    public SortedDictionary<string, int> NotEnforced { get; set; } = [];
    public SortedDictionary<string, int> Addresses { get; set; } = [];
    public IReadOnlyList<HostCheck> Health { get; set; } = [];
    public IReadOnlyList<HostAdapter> Plugins { get; set; } = [];
    public SortedDictionary<string, long> Drops { get; set; } = [];
    public IReadOnlyList<HostTiming> Timings { get; set; } = [];
}

/// <summary>Where the node is against its datastore.</summary>
internal sealed record HostDatastore(string Type, string Status, long Revision, double AgeSeconds);

/// <summary>One health check's last word.</summary>
internal sealed record HostCheck(string Part, string Check, bool Ok, string Reason);

/// <summary>Something to see to, and what shows more or mends it.</summary>
internal sealed record HostWarning(string Subject, string Text, string Command);

/// <summary>What calls spend in a stage, milliseconds.</summary>
internal sealed record HostTiming(string Adapter, string Call, string Stage, long Count, double FirstMs, double P50Ms, double P99Ms,
    double MaxMs);

/// <summary>A loaded adapter.</summary>
internal sealed record HostAdapter(string Name, string Version);

/// <summary>An endpoint, one of the answer to <c>GET /endpoints</c>.</summary>
internal sealed record HostEndpoint
{
    public string Id { get; set; } = "";
    public string Name { get; set; } = "";
    public string Adapter { get; set; } = "";
    public string Network { get; set; } = "";
    public string HostInterface { get; set; } = "";
    public IReadOnlyList<string> Addresses { get; set; } = [];
    public string State { get; set; } = "";
    public string Reason { get; set; } = "";
}

/// <summary>Interfaces of the host that are no workload's, the answer to <c>GET /interfaces</c>.</summary>
internal sealed record HostLinks
{
    public string Node { get; set; } = "";
    public IReadOnlyList<HostLink> Interfaces { get; set; } = [];
}

/// <summary>One of them; addresses without a length.</summary>
internal sealed record HostLink(string Name, IReadOnlyList<string> Addresses);

/// <summary>What the kernel enforces at an interface, the answer to <c>GET /enforced</c>.</summary>
internal sealed record HostEnforced
{
    public string Node { get; set; } = "";
    public bool InSync { get; set; }
    public long Revision { get; set; }
    public string Problem { get; set; } = "";
    public IReadOnlyList<string> Lines { get; set; } = [];
}

/// <summary>A lease, one of the answer to <c>GET /leases</c>.</summary>
internal sealed record HostLease
{
    public string Address { get; set; } = "";
    public string Handle { get; set; } = "";
    public string Purpose { get; set; } = "";
    public string Adapter { get; set; } = "";
    public string Owner { get; set; } = "";
    public string? BoundTo { get; set; }
    public DateTimeOffset Since { get; set; }
}

/// <summary>Dropped packets that are alike, one of the answer to <c>GET /drops/recent</c>.</summary>
internal sealed record HostDrop
{
    public long Number { get; set; }
    public DateTimeOffset Time { get; set; }
    public int Packets { get; set; }
    public string Endpoint { get; set; } = "";
    public string Interface { get; set; } = "";
    public string Direction { get; set; } = "";
    public string Peer { get; set; } = "";
    public string PeerName { get; set; } = "";
    public string Protocol { get; set; } = "";
    public int Port { get; set; }
    public string Reason { get; set; } = "";
    public string Policy { get; set; } = "";
    public int Rule { get; set; } = -1;
}

/// <summary>A rule that counts, one of the answer to <c>GET /rules</c>.</summary>
internal sealed record HostRule(string Policy, string Tier, string Direction, int Rule, long Packets, long Bytes);

[JsonSerializable(typeof(HostStatus))]
[JsonSerializable(typeof(HostRule[]))]
[JsonSerializable(typeof(HostDrop[]))]
[JsonSerializable(typeof(HostEndpoint[]))]
[JsonSerializable(typeof(HostLinks))]
[JsonSerializable(typeof(HostEnforced))]
[JsonSerializable(typeof(HostLease[]))]
[JsonSerializable(typeof(SortedDictionary<string, long>))]
[JsonSerializable(typeof(string[]))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, GenerationMode = JsonSourceGenerationMode.Metadata)]
internal sealed partial class HostJson : JsonSerializerContext;
