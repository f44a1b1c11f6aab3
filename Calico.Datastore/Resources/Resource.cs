using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>A resource of <c>projectcalico.org/v3</c> of any kind.</summary>
public abstract record Resource
{
    public const string GroupVersion = "projectcalico.org/v3";

    [JsonPropertyOrder(-3)]
    public string Kind { get; init; } = "";

    [JsonPropertyOrder(-2)]
    public string ApiVersion { get; init; } = GroupVersion;

    [JsonPropertyOrder(-1)]
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary>Fields that others wrote (<c>status</c>, or a newer version's).</summary>
    /// <remarks>Here and in every spec it has a setter because the JSON source generator cannot fill it otherwise; treat it as
    /// read-only.</remarks>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A resource of one kind.</summary>
public sealed record Resource<TSpec> : Resource where TSpec : class, new()
{
    public TSpec Spec { get; init; } = new();
}
