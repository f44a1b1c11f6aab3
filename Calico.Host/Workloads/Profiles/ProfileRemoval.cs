using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources;

namespace Calico.Host.Workloads.Profiles;

/// <summary>In the node log, in the place of a profile: it was removed while the store was away.</summary>
/// <remarks>Shaped as a resource of a kind that the store does not know, so that it is no profile, and a former version that meets it
/// after a downgrade still starts.</remarks>
internal sealed record ProfileRemoval
{
    public const string KindName = "ProfileRemoval";

    public string Kind { get; init; } = "";

    /// <summary>Uids of the profile that this node saw or made. One with another uid was made again since, on another node, and stays.
    /// Empty: nothing was known of it, then it is whatever an adapter made.</summary>
    public ImmutableArray<string> Uids { get; init; } = [];

    public bool Covers(string? uid) => Uids.IsEmpty || (uid is not null && Uids.Contains(uid));

    public static byte[] Write(IEnumerable<string> uids) => JsonSerializer.SerializeToUtf8Bytes(
        new ProfileRemoval { Kind = KindName, Uids = [.. uids.Where(u => u.Length > 0).Distinct()] },
            ProfileRemovalJson.Default.ProfileRemoval);

    /// <summary>Null: the value is a profile, or nothing that can be read.</summary>
    public static ProfileRemoval? Read(ReadOnlyMemory<byte> value)
    {
        try
        {
            return JsonSerializer.Deserialize(value.Span, ProfileRemovalJson.Default.ProfileRemoval) is { Kind: KindName } removal
                ? removal with { Uids = removal.Uids.IsDefault ? [] : removal.Uids }
                : null;
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(ProfileRemoval))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class ProfileRemovalJson : JsonSerializerContext;
