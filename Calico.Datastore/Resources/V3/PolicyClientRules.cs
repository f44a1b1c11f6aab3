using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources.V3;

/// <summary>A policy is created in a tier that exists, wears its tier as a label, and says which directions it is for.</summary>
internal sealed class PolicyClientRules<TSpec>(Func<TSpec, ImmutableArray<string>, TSpec> withTypes) : ClientRules
    where TSpec : class, IPolicySpec, new()
{
    private const string TierLabel = "projectcalico.org/tier";

    public override async Task<Resource> BeforeCreateAsync(ResourceClient client, Resource resource, CancellationToken ct)
    {
        var policy = Prepare(resource);
        var tier = policy.Metadata.Labels![TierLabel];
        if (tier != "default" && await client.FindAsync(Kinds.Tier, tier, ct) is null)
        {
            throw ResourceErrors.NotFound(Kinds.Tier.Key(tier));
        }

        return policy;
    }

    protected override Resource Prepare(Resource resource)
    {
        var policy = (Resource<TSpec>)resource;
        var spec = policy.Spec;
        if (spec.Types is null or { IsEmpty: true } && spec is not IStagedPolicySpec { StagedAction: "Delete" })
        {
            spec = withTypes(spec, Types(spec));
        }

        var labels = (policy.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty)
            .SetItem(TierLabel, spec.Tier is { Length: > 0 } tier ? tier : "default");
        return policy with { Spec = spec, Metadata = policy.Metadata with { Labels = labels } };
    }

    private static ImmutableArray<string> Types(TSpec spec) => (HasRules(spec.Ingress), HasRules(spec.Egress)) switch
    {
        (false, true) => ["Egress"],
        (true, true) => ["Ingress", "Egress"],
        _ => ["Ingress"],
    };

    private static bool HasRules(ImmutableArray<Rule>? rules) => rules is { IsEmpty: false };
}

/// <summary>How policies stand in the store: upstream since 3.32 writes the name into an annotation, by which it tells them from older
/// ones, whose names carry the tier in front.</summary>
internal static class PolicyStorage
{
    private const string Annotation = "projectcalico.org/metadata";
    private const string OldPrefix = "default.";

    internal static Resource AddName(Resource policy) => WithAnnotations(policy, (policy.Metadata.Annotations
        ?? ImmutableSortedDictionary<string, string>.Empty)
        .SetItem(Annotation, new JsonObject { ["name"] = policy.Metadata.Name }.ToJsonString()));

    internal static Resource TakeName(Resource policy)
    {
        if (policy.Metadata.Annotations?.ContainsKey(Annotation) == true)
        {
            return WithAnnotations(policy, policy.Metadata.Annotations.Remove(Annotation));
        }

        return policy.Metadata.Name.StartsWith(OldPrefix, StringComparison.Ordinal)
            ? policy with { Metadata = policy.Metadata with { Name = policy.Metadata.Name[OldPrefix.Length..] } }
            : policy;
    }

    private static Resource WithAnnotations(Resource policy, ImmutableSortedDictionary<string, string> annotations) =>
        policy with { Metadata = policy.Metadata with { Annotations = annotations.IsEmpty ? null : annotations } };
}
