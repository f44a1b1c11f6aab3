using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>That a node holds a block, at <c>/calico/ipam/v2/host/&lt;node&gt;/ipvN/block/...</c>; travels through sync as a resource of
/// kind <c>BlockAffinity</c> named as <see cref="IpamKeys.AffinityName"/> says.</summary>
public sealed record IpamAffinityValue
{
    public const string Confirmed = "confirmed";
    public const string Pending = "pending";
    public const string PendingDeletion = "pendingDeletion";

    /// <summary>One of the constants. An empty one means confirmed: see <see cref="IsConfirmed"/>.</summary>
    public string State { get; set; } = "";

    public bool Deleted { get; init; }

    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }

    /// <summary>Upstream before 3.0 wrote no state, which counts as confirmed.</summary>
    [JsonIgnore] public bool IsConfirmed => State is "" or Confirmed;
}
