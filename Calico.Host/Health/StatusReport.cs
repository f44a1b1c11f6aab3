using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Calico.Host.Health;

/// <summary>What <c>GET /status</c> answers; <c>calicoctl status</c> prints it.</summary>
public sealed record StatusReport
{
    public required string Node { get; init; }
    public required string Version { get; init; }
    public required double UptimeSeconds { get; init; }
    public required bool Ready { get; init; }

    /// <summary>Why it is not ready.</summary>
    public required ImmutableArray<string> Reasons { get; init; }

    public required DatastoreReport Datastore { get; init; }
    public required ImmutableSortedDictionary<string, int> Endpoints { get; init; }
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

/// <summary>An endpoint of this node.</summary>
public sealed record EndpointReport(string Id, string Instance, string Adapter, string Network, string HostInterface, ImmutableArray<string> Addresses,
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
