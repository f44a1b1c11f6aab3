using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json.Serialization;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>A lease of this node as the node log has it.</summary>
internal sealed record LeaseRecord
{
    private const string Purposes = "purpose";
    private const string Adapters = "adapter";
    private const string Owners = "owner";
    private const string BoundTo = "bound";
    private const string Nodes = "node";
    private const string Timestamp = "timestamp";

    public required string Address { get; init; }
    public required string Block { get; init; }
    public required string Handle { get; init; }
    public required LeasePurpose Purpose { get; init; }
    public required string Adapter { get; init; }
    public string Owner { get; init; } = "";

    /// <summary>What the adapter was told.</summary>
    public required ulong Sequence { get; init; }

    public string? Bound { get; init; }
    public required DateTimeOffset Since { get; init; }

    /// <summary>The claim's own attributes.</summary>
    public ImmutableSortedDictionary<string, string> Attributes { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Released by its adapter while bound: freed when the endpoint goes.</summary>
    public bool IsDeferred { get; init; }

    /// <summary>The store does not show it like this yet.</summary>
    public bool IsOffline { get; init; }

    /// <summary>As <see cref="HeldAddress.IsAside"/>: what the store lacks of it waits for its block.</summary>
    public bool IsAside { get; init; }

    /// <summary>A transaction to show it has not been answered: the store may have it by its own handle, or not.</summary>
    public bool IsAttempted { get; init; }

    /// <summary>Whose the store shows the address to be: this handle, or while offline the former one.</summary>
    public required string StoreHandle { get; init; }

    /// <summary>Sequence number of that allocation in the store.</summary>
    public required ulong StoreSequence { get; init; }

    /// <summary>Whether the store is to be told of it.</summary>
    [JsonIgnore] public bool IsPending => IsOffline && !IsAside;

    [JsonIgnore] public IPAddress Ip => IPAddress.Parse(Address);

    [JsonIgnore] public Cidr Cidr => Cidr.Parse(Block);

    /// <summary>What an adapter sees.</summary>
    public AddressLease ToLease() => new(Ip, Handle, Purpose, Adapter, Owner, Sequence, ParseEndpoint(Bound), Since);

    /// <summary>Why another cannot have it.</summary>
    public CalicoException AsHeld() => new(Problem.AlreadyExists,
        $"{Address} is held by handle \"{Handle}\" of {(Adapter.Length == 0 ? "another IPAM" : Adapter)}"
        + (Bound is null ? "" : $" and bound to {Bound}"));

    /// <summary>What the block keeps with the address.</summary>
    public IpamAttribute ToAttribute(string node)
    {
        var secondary = Attributes
            .SetItem(Nodes, node)
            .SetItem(Timestamp, Since.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fffffff '+0000 UTC'", CultureInfo.InvariantCulture))
            .SetItem(Purposes, Purpose.ToString())
            .SetItem(Adapters, Adapter);
        secondary = Owner.Length == 0 ? secondary : secondary.SetItem(Owners, Owner);
        return new() { HandleId = Handle, Secondary = Bound is null ? secondary : secondary.SetItem(BoundTo, Bound) };
    }

    /// <summary>Reads an allocation, ours or upstream's.</summary>
    public static LeaseRecord From(AllocationBlock block, int ordinal)
    {
        var attribute = block.AttributeOf(ordinal)!;
        var secondary = attribute.Secondary ?? ImmutableSortedDictionary<string, string>.Empty;
        var sequence = block.SequenceOf(ordinal) ?? 0;
        return new()
        {
            Address = block.AddressOf(ordinal).ToString(),
            Block = block.Cidr.ToString(),
            Handle = attribute.HandleId ?? "",
            Purpose = Enum.TryParse<LeasePurpose>(secondary.GetValueOrDefault(Purposes), out var purpose) ? purpose : LeasePurpose.Foreign,
            Adapter = secondary.GetValueOrDefault(Adapters, ""),
            Owner = secondary.GetValueOrDefault(Owners, ""),
            Sequence = sequence,
            Bound = secondary.GetValueOrDefault(BoundTo),
            Since = ParseTime(secondary.GetValueOrDefault(Timestamp)),
            Attributes = secondary.RemoveRange([Purposes, Adapters, Owners, BoundTo, Nodes, Timestamp]),
            StoreHandle = attribute.HandleId ?? "",
            StoreSequence = sequence,
        };
    }

    /// <summary>The node that an allocation belongs to, or null when its writer did not say.</summary>
    public static string? NodeOf(IpamAttribute attribute) => attribute.Secondary?.GetValueOrDefault(Nodes);

    /// <summary>Who has an allocation, for people: the node and the handle.</summary>
    public static string DescribeHolder(IpamAttribute attribute) =>
        (NodeOf(attribute) is { } node ? $"node {node}" : "a writer that names no node") + $" (handle \"{attribute.HandleId}\")";

    public static string FormatEndpoint(WorkloadEndpointId id) => $"{Escape(id.Orchestrator)}/{Escape(id.Workload)}/{Escape(id.Endpoint)}";

    private static WorkloadEndpointId? ParseEndpoint(string? text) =>
        text?.Split('/') is [var orchestrator, var workload, var endpoint]
            ? new(Unescape(orchestrator), Unescape(workload), Unescape(endpoint))
            : null;

    private static string Escape(string part) =>
        part.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal);

    private static string Unescape(string part) =>
        part.Replace("%2F", "/", StringComparison.Ordinal).Replace("%25", "%", StringComparison.Ordinal);

    /// <summary>Go's <c>2026-01-02 03:04:05.123456789 +0000 UTC</c>; what cannot be read is long ago.</summary>
    private static DateTimeOffset ParseTime(string? text) =>
        text?.Split(' ') is [var date, var clock, ..]
        && DateTimeOffset.TryParse($"{date} {clock[..Math.Min(clock.Length, 16)]}", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : DateTimeOffset.UnixEpoch;
}
