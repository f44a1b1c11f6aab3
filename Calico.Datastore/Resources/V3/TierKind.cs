using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>Tier.</summary>
public sealed record TierSpec
{
    /// <summary>Lowest first; null: after all others.</summary>
    public double? Order { get; init; }

    /// <summary>Deny or Pass.</summary>
    public string? DefaultAction { get; init; }

    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Tier: a group of policies that is gone through as a whole.</summary>
internal static class TierKind
{
    /// <summary>Tiers that every cluster has, with order and default action.</summary>
    internal static ImmutableArray<(string Name, double Order, string Action)> BuiltIn { get; } =
        [("default", 1_000_000, "Deny"), ("kube-admin", 1_000, "Pass"), ("kube-baseline", 10_000_000, "Pass")];

    internal static ResourceKind<TierSpec> Create() => new()
    {
        Name = "Tier",
        Plural = "tiers",
        NameFormat = NameFormats.Label,
        Spec = new(Fraction("order"), WithDefault(Choice("defaultAction", "Deny", "Pass"), "\"Deny\"")),
        SchemaRules = [BuiltInStayAsTheyAre],
        Columns = [TableColumn.Name, PolicyColumns.Order],
        ClientRules = new TierClientRules(),
    };

    private static void BuiltInStayAsTheyAre(JsonObjectView it, ShapeReport report)
    {
        var name = it.Object("metadata").Text("name");
        var spec = it.Object("spec");
        foreach (var tier in BuiltIn.Where(tier => tier.Name == name))
        {
            if (spec["order"] is not { ValueKind: JsonValueKind.Number } order || order.GetDouble() != tier.Order)
            {
                report.Add("spec.order", string.Create(CultureInfo.InvariantCulture, $"{name} tier order must be {tier.Order}"),
                    spec["order"]);
            }

            if (spec.Text("defaultAction") != tier.Action)
            {
                report.Add("spec.defaultAction", $"The '{name}' tier must have default action '{tier.Action}'", spec["defaultAction"]);
            }
        }
    }
}

/// <summary>The built-in tiers stay, and a tier goes only when no policy is in it.</summary>
internal sealed class TierClientRules : ClientRules
{
    /// <summary>Whoever writes a built-in tier without order or action means the ones it has.</summary>
    protected override Resource Prepare(Resource resource)
    {
        var tier = (Resource<TierSpec>)resource;
        foreach (var (_, order, action) in TierKind.BuiltIn.Where(known => known.Name == tier.Metadata.Name))
        {
            tier = tier with { Spec = tier.Spec with { Order = tier.Spec.Order ?? order,
                DefaultAction = tier.Spec.DefaultAction ?? action } };
        }

        return tier;
    }

    public override async Task BeforeDeleteAsync(ResourceClient client, Resource old, CancellationToken ct)
    {
        var name = old.Metadata.Name;
        if (TierKind.BuiltIn.Any(tier => tier.Name == name))
        {
            throw ResourceErrors.NotSupported("Delete", name, $"Cannot delete {name} tier");
        }

        foreach (var kind in Kinds.InTiers)
        {
            if ((await client.ListAsync(kind, "", ct)).Items.Any(policy => policy.As<IPolicySpec>()?.Tier == name))
            {
                throw ResourceErrors.NotSupported("delete", name, "Cannot delete a non-empty tier");
            }
        }
    }
}
