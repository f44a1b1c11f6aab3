using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Calico.Host.Timings;

namespace Calico.Host.Health;

/// <summary>What <c>GET /status</c> answers; <c>calicoctl status</c> prints it. Each part adds its own members (<see cref="IStatusPart"/>).
/// </summary>
internal sealed record StatusReport
{
    /// <summary>Version of this shape: members are added within one, never taken away or given another meaning.</summary>
    public string ApiVersion { get; } = "net.calico/v1";

    public string Kind { get; } = "NodeStatus";

    public string Node { get; init; } = "";
    public string Version { get; init; } = "";
    public double UptimeSeconds { get; init; }
    public bool Ready { get; init; }

    /// <summary>Why it is not ready.</summary>
    public ImmutableArray<string> Reasons { get; init; } = [];

    public DatastoreReport Datastore { get; init; } = new("", "", 0, 0);

    /// <summary>How many endpoints are in each state.</summary>
    public ImmutableSortedDictionary<string, int> Endpoints { get; init; } = ImmutableSortedDictionary<string, int>.Empty;

    /// <summary>What a person should see to, although the node may be ready.</summary>
    public ImmutableArray<WarningReport> Warnings { get; init; } = [];

    /// <summary>Resources that stand in the store and that nothing obeys, counted by kind.</summary>
    public ImmutableSortedDictionary<string, int> NotEnforced { get; init; } = ImmutableSortedDictionary<string, int>.Empty;

    /// <summary>Addresses that this node's workloads have, by pool; the empty name: of no pool.</summary>
    public ImmutableSortedDictionary<string, int> Addresses { get; init; } = ImmutableSortedDictionary<string, int>.Empty;

    public ImmutableArray<HealthLine> Health { get; init; } = [];
    public ImmutableArray<PluginReport> Plugins { get; init; } = [];

    /// <summary>Packets dropped, by reason.</summary>
    public ImmutableSortedDictionary<string, long> Drops { get; init; } = ImmutableSortedDictionary<string, long>.Empty;

    /// <summary>Where the time of adapters' calls goes.</summary>
    public ImmutableArray<TimingReport> Timings { get; init; } = [];
}

/// <summary>Where the node is against its datastore.</summary>
/// <param name="Revision">Store revision that the kernel enforces.</param>
/// <param name="AgeSeconds">Since the store last confirmed it.</param>
internal sealed record DatastoreReport(string Type, string Status, long Revision, double AgeSeconds);

/// <summary>A loaded adapter.</summary>
internal sealed record PluginReport(string Name, string Version);

/// <summary>Something to see to.</summary>
/// <param name="Subject">A word for the kind of thing, e.g. <c>profile</c>.</param>
/// <param name="Text">What is wrong and whom it hits.</param>
/// <param name="Command">What shows more or mends it; empty: nothing does.</param>
internal sealed record WarningReport(string Subject, string Text, string Command);

/// <summary>An endpoint of this node.</summary>
/// <param name="Name">What the runtime calls it; empty: it did not say.</param>
/// <param name="State">Where it is in its life; <c>ProfileUnusable</c>: enforced, and what is enforced drops everything.</param>
internal sealed record EndpointReport(string Id, string Name, string Instance, string Adapter, string Network, string HostInterface,
    ImmutableArray<string> Addresses,
    ImmutableArray<string> Profiles, string State, string Reason)
{
    /// <summary>Ports of the host that lead to it, as <c>*:8080 -> 80/tcp</c>.</summary>
    public ImmutableArray<string> Ports { get; init; } = [];
}

/// <summary>A lease of this node.</summary>
internal sealed record LeaseReport(string Address, string Handle, string Purpose, string Adapter, string Owner, string? BoundTo,
    DateTimeOffset Since);

[JsonSerializable(typeof(StatusReport))]
[JsonSerializable(typeof(ImmutableArray<EndpointReport>))]
[JsonSerializable(typeof(ImmutableArray<LeaseReport>))]
[JsonSerializable(typeof(ImmutableSortedDictionary<string, long>))]
[JsonSerializable(typeof(ImmutableArray<DropReport>))]
[JsonSerializable(typeof(ImmutableArray<RuleReport>))]
[JsonSerializable(typeof(LinksReport))]
[JsonSerializable(typeof(EnforcedReport))]
[JsonSerializable(typeof(ImmutableArray<string>))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
internal sealed partial class StatusJson : JsonSerializerContext;
