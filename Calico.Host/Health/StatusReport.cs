using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Calico.Host.Health;

/// <summary>What <c>GET /status</c> answers; <c>calicoctl status</c> prints it.</summary>
public sealed record StatusReport
{
    /// <summary>Version of this shape: members are added within one, never taken away or given another meaning.</summary>
    public string ApiVersion { get; } = "net.calico/v1";

    public string Kind { get; } = "NodeStatus";

    public required string Node { get; init; }
    public required string Version { get; init; }
    public required double UptimeSeconds { get; init; }
    public required bool Ready { get; init; }

    /// <summary>Why it is not ready.</summary>
    public required ImmutableArray<string> Reasons { get; init; }

    public required DatastoreReport Datastore { get; init; }

    /// <summary>How many endpoints are in each state.</summary>
    public required ImmutableSortedDictionary<string, int> Endpoints { get; init; }

    /// <summary>What a person should see to, although the node may be ready.</summary>
    public required ImmutableArray<WarningReport> Warnings { get; init; }

    /// <summary>Resources that stand in the store and that nothing obeys, counted by kind.</summary>
    public required ImmutableSortedDictionary<string, int> NotEnforced { get; init; }

    /// <summary>Addresses that this node's workloads have, by pool; the empty name: of no pool.</summary>
    public required ImmutableSortedDictionary<string, int> Addresses { get; init; }

    public required ImmutableArray<HealthLine> Health { get; init; }
    public required ImmutableArray<PluginReport> Plugins { get; init; }

    /// <summary>Packets dropped, by reason.</summary>
    public required ImmutableSortedDictionary<string, long> Drops { get; init; }
}

/// <summary>Where the node is against its datastore.</summary>
/// <param name="Revision">Store revision that the kernel enforces.</param>
/// <param name="AgeSeconds">Since the store last confirmed it.</param>
public sealed record DatastoreReport(string Type, string Status, long Revision, double AgeSeconds);

/// <summary>A loaded adapter.</summary>
public sealed record PluginReport(string Name, string Version);

/// <summary>Something to see to.</summary>
/// <param name="Subject">A word for the kind of thing, e.g. <c>profile</c>.</param>
/// <param name="Text">What is wrong and whom it hits.</param>
/// <param name="Command">What shows more or mends it; empty: nothing does.</param>
public sealed record WarningReport(string Subject, string Text, string Command);

/// <summary>An endpoint of this node.</summary>
/// <param name="Name">What the runtime calls it; empty: it did not say.</param>
/// <param name="State">Where it is in its life; <c>ProfileUnusable</c>: enforced, and what is enforced drops everything.</param>
public sealed record EndpointReport(string Id, string Name, string Instance, string Adapter, string Network, string HostInterface, ImmutableArray<string> Addresses,
    ImmutableArray<string> Profiles, string State, string Reason);

/// <summary>A lease of this node.</summary>
public sealed record LeaseReport(string Address, string Handle, string Purpose, string Adapter, string Owner, string? BoundTo, DateTimeOffset Since);

[JsonSerializable(typeof(StatusReport))]
[JsonSerializable(typeof(ImmutableArray<EndpointReport>))]
[JsonSerializable(typeof(ImmutableArray<LeaseReport>))]
[JsonSerializable(typeof(ImmutableSortedDictionary<string, long>))]
[JsonSerializable(typeof(ImmutableArray<string>))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
internal sealed partial class StatusJson : JsonSerializerContext;
