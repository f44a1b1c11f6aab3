using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>A policy is created in a tier that exists, wears its tier as a label, and says which directions it is for.</summary>
internal sealed class PolicyClientRules : ClientRules
{
    private const string TierLabel = "projectcalico.org/tier";

    public override async Task<Resource> BeforeCreateAsync(ResourceClient client, Resource resource, CancellationToken ct)
    {
        var policy = Prepare(resource);
        var tier = policy.Metadata.Labels![TierLabel];
        if (tier != "default" && await client.FindAsync(new("Tier", "", tier), ct) is null)
        {
            throw ResourceErrors.NotFound(new("Tier", "", tier));
        }

        return policy;
    }

    protected override Resource Prepare(Resource resource)
    {
        var policy = (Resource<OpenSpec>)resource;
        var spec = new JsonObjectView(
            JsonSerializer.SerializeToElement(policy.Spec, ResourceJson.TypeInfo<OpenSpec>()), "spec");
        var fields = policy.Spec.Fields is { } old ? new Dictionary<string, JsonElement>(old) : [];
        var tier = spec.Has("tier") ? spec.Text("tier") : "default";
        if (!spec.Has("types") && spec.Text("stagedAction") != "Delete")
        {
            fields["types"] = JsonSerializer.SerializeToElement(Types(spec), ResourceJson.TypeInfo<string[]>());
        }

        var labels = (policy.Metadata.Labels ?? ImmutableSortedDictionary<string, string>.Empty).SetItem(TierLabel, tier);
        return policy with { Spec = new() { Fields = fields }, Metadata = policy.Metadata with { Labels = labels } };
    }

    private static string[] Types(JsonObjectView spec) => (spec.Has("ingress"), spec.Has("egress")) switch
    {
        (false, true) => ["Egress"],
        (true, true) => ["Ingress", "Egress"],
        _ => ["Ingress"],
    };
}
