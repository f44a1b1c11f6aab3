using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>A resource of <c>projectcalico.org/v3</c> of any kind.</summary>
/// <remarks>Here and in every spec, members that have an initial value, and the unknown ones, have a setter instead of init: the JSON
/// source generator treats init-only members as constructor parameters and overwrites their initial value. Treat all as read-only.
/// </remarks>
public abstract record Resource
{
    public const string GroupVersion = "projectcalico.org/v3";

    [JsonPropertyOrder(-3)]
    public string Kind { get; set; } = "";

    [JsonPropertyOrder(-2)]
    public string ApiVersion { get; set; } = GroupVersion;

    [JsonPropertyOrder(-1)]
    public ObjectMeta Metadata { get; set; } = new();

    /// <summary>Fields that others wrote (<c>status</c>, or a newer version's).</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }

    /// <summary>The spec, seen as what several kinds have in common (<see cref="V3.IPolicySpec"/>); null: this kind has it not.</summary>
    public abstract TView? As<TView>() where TView : class;
}

/// <summary>A resource of one kind.</summary>
public sealed record Resource<TSpec> : Resource where TSpec : class, new()
{
    public TSpec Spec { get; set; } = new();

    public override TView? As<TView>() where TView : class => Spec as TView;
}
