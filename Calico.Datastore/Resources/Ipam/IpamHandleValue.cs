using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>How many addresses of which blocks a handle has, at <c>/calico/ipam/v2/handle/&lt;id&gt;</c>; travels through sync as a
/// resource of kind <c>IPAMHandle</c>.</summary>
public sealed record IpamHandleValue
{
    /// <summary>Number of addresses by block CIDR.</summary>
    public ImmutableSortedDictionary<string, int> Block { get; set; } = ImmutableSortedDictionary<string, int>.Empty;

    public bool Deleted { get; init; }

    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}
