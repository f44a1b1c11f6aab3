using System.Text.Json;
using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>The built-in tiers stay, and a tier goes only when no policy is in it.</summary>
internal sealed class TierClientRules : ClientRules
{
    private static readonly string[] PolicyKinds =
        ["NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"];

    /// <summary>Whoever writes a built-in tier without order or action means the ones it has.</summary>
    protected override Resource Prepare(Resource resource)
    {
        var tier = (Resource<OpenSpec>)resource;
        var fields = tier.Spec.Fields is { } old ? new Dictionary<string, JsonElement>(old) : [];
        foreach (var (_, order, action) in TierKind.BuiltIn.Where(known => known.Name == tier.Metadata.Name))
        {
            fields.TryAdd("order", JsonSerializer.SerializeToElement(order, ResourceJson.TypeInfo<double>()));
            fields.TryAdd("defaultAction", JsonSerializer.SerializeToElement(action, ResourceJson.TypeInfo<string>()));
        }

        return tier with { Spec = new() { Fields = fields } };
    }

    public override async Task BeforeDeleteAsync(ResourceClient client, Resource old, CancellationToken ct)
    {
        var name = old.Metadata.Name;
        if (TierKind.BuiltIn.Any(tier => tier.Name == name))
        {
            throw ResourceErrors.NotSupported("Delete", name, $"Cannot delete {name} tier");
        }

        foreach (var kind in PolicyKinds.Select(policyKind => client.Kinds[policyKind]))
        {
            if ((await client.ListAsync(kind.Name, "", ct)).Items
                .Any(policy => new JsonObjectView(kind.ToJson(policy), "").Object("spec").Text("tier") == name))
            {
                throw ResourceErrors.NotSupported("delete", name, "Cannot delete a non-empty tier");
            }
        }
    }
}
