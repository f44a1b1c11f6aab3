using Calico.Datastore.Resources.Shapes;

namespace Calico.Datastore.Resources.V3;

/// <summary>FelixConfiguration: what the dataplane does on every node, on one, or on those that a selector picks.</summary>
internal static class FelixConfigurationKind
{
    internal static ResourceKind<FelixConfigurationSpec> Create() => new()
    {
        Name = "FelixConfiguration",
        Plural = "felixconfigurations",
        Aliases = ["felixconfig", "felixconfigs"],
        Spec = new ObjectShape(FelixConfigurationFields.All)
        {
            Rules = [FelixConfigurationRules.NotTooManyTables],
            SchemaRules = [FelixConfigurationRules.OneKindOfTableRange],
        },
        SchemaRules = [FelixConfigurationRules.SelectorFitsName],
    };
}

/// <summary>Rules over several parameters of FelixConfiguration.</summary>
internal static class FelixConfigurationRules
{
    private const long MaxTables = 65_535;

    internal static void RouteTableRange(JsonObjectView it, ShapeReport report)
    {
        var (min, max) = Bounds(it);
        if (min < 1 || max > 250 || min > max)
        {
            report.Add(it.Path, "must be a range of route table indices within 1..250");
        }
    }

    internal static void RouteTableRangesItem(JsonObjectView it, ShapeReport report)
    {
        var (min, max) = Bounds(it);
        if (min < 1)
        {
            report.Add(it.At("min"), "min must be >= 1");
        }

        if (max < min)
        {
            report.Add(it.At("max"), "min must be <= max");
        }

        if (max > uint.MaxValue)
        {
            report.Add(it.At("max"), "max is too high");
        }
    }

    internal static void NotTooManyTables(JsonObjectView it, ShapeReport report)
    {
        var tables = 0L;
        foreach (var range in it.Objects("routeTableRanges"))
        {
            var (min, max) = Bounds(range);
            // A single range may be absurd on its own (another rule's finding); the sum must not wrap round.
            tables += Math.Clamp(max - min + 1, 0, MaxTables + 1);
        }

        if (tables > MaxTables)
        {
            report.Add(it.At("routeTableRanges"), "targets too many tables");
        }
    }

    internal static void OneKindOfTableRange(JsonObjectView it, ShapeReport report)
    {
        if (it.IsSet("routeTableRange") && it.Has("routeTableRanges"))
        {
            report.Add(it.At("routeTableRange"), "routeTableRange and routeTableRanges cannot both be set");
        }
    }

    internal static void SelectorFitsName(JsonObjectView it, ShapeReport report)
    {
        var name = it.Object("metadata").Text("name");
        if (it.Object("spec").Has("nodeSelector") && (name == "default" || name.StartsWith("node.", StringComparison.Ordinal)))
        {
            report.Add("spec.nodeSelector", "nodeSelector cannot be set on the default or a per-node FelixConfiguration");
        }
    }

    private static (long Min, long Max) Bounds(JsonObjectView range) => (range.Number("min") ?? 0, range.Number("max") ?? 0);
}
