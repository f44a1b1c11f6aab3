using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.V3;

/// <summary>GlobalNetworkSet.</summary>
public sealed record GlobalNetworkSetSpec
{
    public ImmutableArray<string>? Nets { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>GlobalNetworkSet: addresses outside the cluster that policies can select by labels.</summary>
internal static class GlobalNetworkSetKind
{
    internal static ResourceKind<GlobalNetworkSetSpec> Create() => new()
    {
        Name = "GlobalNetworkSet",
        Plural = "globalnetworksets",
        Aliases = ["gnetsets"],
        Namespaced = false,
        Spec = NetworkSetShapes.Spec,
        Rules = [NetworkSetShapes.NoReservedLabel],
        WideColumns = NetworkSetShapes.WideColumns,
    };
}
