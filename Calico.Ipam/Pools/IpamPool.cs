using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Selectors;

namespace Calico.Ipam;

/// <summary>An IP pool as IPAM reads it: upstream's defaults filled in.</summary>
public sealed record IpamPool
{
    /// <summary>Name of the resource.</summary>
    public required string Name { get; init; }

    public required Cidr Cidr { get; init; }

    /// <summary>Prefix length of its blocks.</summary>
    public required int BlockSize { get; init; }

    /// <summary>No new addresses: <c>disabled</c>, or its status says that it is not allocatable.</summary>
    public bool Disabled { get; init; }

    /// <summary>Only used by requests that name it.</summary>
    public bool IsManual { get; init; }

    /// <summary>Empty: every node.</summary>
    public string NodeSelector { get; init; } = "";

    /// <summary>Empty: every namespace, and requests without one.</summary>
    public string NamespaceSelector { get; init; } = "";

    public ImmutableArray<IntendedUse> AllowedUses { get; init; } = [IntendedUse.Workload, IntendedUse.Tunnel];

    /// <summary>Reads a resource; null when its CIDR cannot be read.</summary>
    public static IpamPool? From(Resource<IpPoolSpec> resource)
    {
        var spec = resource.Spec;
        if (!Cidr.TryParse(spec.Cidr, out var cidr))
        {
            return null;
        }

        var uses = (spec.AllowedUses ?? [])
            .Select(u => Enum.TryParse<IntendedUse>(u, out var use) ? use : IntendedUse.Unspecified).ToImmutableArray();
        return new()
        {
            Name = resource.Metadata.Name,
            Cidr = cidr,
            BlockSize = spec.BlockSize is null or 0 ? IpPoolSpec.DefaultBlockSize(cidr) : spec.BlockSize.Value,
            Disabled = spec.Disabled == true || !IsAllocatable(resource),
            IsManual = spec.AssignmentMode == "Manual",
            NodeSelector = spec.NodeSelector ?? "",
            NamespaceSelector = spec.NamespaceSelector ?? "",
            AllowedUses = uses.IsEmpty ? [IntendedUse.Workload, IntendedUse.Tunnel] : uses,
        };
    }

    /// <summary>Whether the pool makes such a block; one of another size is left from an earlier pool of the range.</summary>
    public bool IsOfItsBlocks(Cidr block) => BlockSize == block.PrefixLength && Cidr.Contains(block);

    /// <summary>The block that an address of the pool belongs to.</summary>
    public Cidr BlockOf(System.Net.IPAddress address) => Cidr.From(address).Widen(BlockSize);

    /// <summary>Whether the pool serves a node.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: the selector is malformed.</exception>
    public bool SelectsNode(IReadOnlyDictionary<string, string> labels) => Matches(NodeSelector, labels);

    /// <summary>Whether the pool serves a namespace.</summary>
    /// <param name="labels">The namespace's labels; null: the request has no namespace.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: the selector is malformed.</exception>
    public bool SelectsNamespace(IReadOnlyDictionary<string, string>? labels) =>
        string.IsNullOrWhiteSpace(NamespaceSelector) || (labels is not null && Matches(NamespaceSelector, labels));

    /// <summary>Whether a pool that was looked up long ago still is there and makes such blocks.</summary>
    public bool IsAmong(ImmutableArray<IpamPool> now) =>
        now.Any(p => p.Name == Name && p.Cidr == Cidr && p.BlockSize == BlockSize && !p.Disabled);

    private static bool IsAllocatable(Resource resource)
    {
        if (resource.Unknown is not { } unknown || !unknown.TryGetValue("status", out var status)
            || status.ValueKind != JsonValueKind.Object || !status.TryGetProperty("conditions", out var conditions)
            || conditions.ValueKind != JsonValueKind.Array)
        {
            return true;
        }

        return !conditions.EnumerateArray().Any(c => c.ValueKind == JsonValueKind.Object
            && c.TryGetProperty("type", out var type) && type.ValueEquals("Allocatable")
            && c.TryGetProperty("status", out var value) && value.ValueEquals("False"));
    }

    private bool Matches(string text, IReadOnlyDictionary<string, string> labels) =>
        string.IsNullOrWhiteSpace(text)
        || (Selector.TryParse(text, out var selector, out var error)
            ? selector.Matches(labels)
            : throw new CalicoException(Problem.Invalid, $"pool {Name} has a malformed selector: {error}"));
}
