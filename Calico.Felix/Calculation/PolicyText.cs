using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>The rules of a policy or a profile as their author wrote them: a policy source, whatever its kind.</summary>
/// <param name="Key">The resource.</param>
/// <param name="Tier">Of a policy; empty for a profile.</param>
/// <param name="Revision">Of the resource; empty: it is not in the store.</param>
/// <param name="Ingress">Its rules for what comes to an endpoint.</param>
/// <param name="Egress">Its rules for what an endpoint sends.</param>
/// <param name="Fault">Why it cannot be used; it denies then, because its author meant something and we do not know what. Null: it can.
/// </param>
internal sealed record PolicyText(ResourceKey Key, string Tier, string Revision, ImmutableArray<Rule> Ingress, ImmutableArray<Rule> Egress,
    string? Fault = null)
{
    /// <summary>Nothing that it says is enforced.</summary>
    public bool IsStaged { get; init; }

    public Provenance Whole => new(Key, Tier, -1, Revision);

    public ImmutableArray<Rule> RulesOf(PolicyDirection direction) => direction == PolicyDirection.Ingress ? Ingress : Egress;

    /// <summary>One that stands for a source that is not there or cannot be read.</summary>
    public static PolicyText Unusable(ResourceKey key, string tier, string revision, string fault) =>
        new(key, tier, revision, [], [], fault);

    /// <summary>The first field of several that nothing here knows, or null.</summary>
    public static string? FaultOf(IReadOnlyDictionary<string, System.Text.Json.JsonElement>? unknown) =>
        unknown is { Count: > 0 } ? $"unknown field {unknown.Keys.Order(StringComparer.Ordinal).First()}" : null;
}
