using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>Tier: a group of policies that is gone through as a whole.</summary>
internal static class TierKind
{
    /// <summary>Tiers that every cluster has, with order and default action.</summary>
    internal static ImmutableArray<(string Name, double Order, string Action)> BuiltIn { get; } =
        [("default", 1_000_000, "Deny"), ("kube-admin", 1_000, "Pass"), ("kube-baseline", 10_000_000, "Pass")];

    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
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
                report.Add("spec.order", string.Create(CultureInfo.InvariantCulture, $"{name} tier order must be {tier.Order}"), spec["order"]);
            }

            if (spec.Text("defaultAction") != tier.Action)
            {
                report.Add("spec.defaultAction", $"The '{name}' tier must have default action '{tier.Action}'", spec["defaultAction"]);
            }
        }
    }
}
