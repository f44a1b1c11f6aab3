using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>Specs of the four kinds of policies that share their fields.</summary>
internal static class PolicyShapes
{
    internal static ObjectShape Namespaced { get; } = new(Fields(global: false)) { SchemaRules = [NoGlobalSelectors] };

    internal static ObjectShape Global { get; } = new([.. Fields(global: true), .. GlobalFields])
    {
        SchemaRules = [NoGlobalSelectors, UntrackedAndPreDnat],
    };

    internal static ObjectShape StagedNamespaced { get; } = new([StagedAction, .. Fields(global: false)])
    {
        Rules = [DeleteStandsAlone],
        SchemaRules = [NoGlobalSelectors],
    };

    internal static ObjectShape StagedGlobal { get; } = new([StagedAction, .. Fields(global: true), .. GlobalFields])
    {
        Rules = [DeleteStandsAlone],
        SchemaRules = [NoGlobalSelectors, UntrackedAndPreDnat],
    };

    internal static Field StagedAction => WithDefault(Choice("stagedAction", "Set", "Delete", "Learn", "Ignore"), "\"Set\"");

    private static ImmutableArray<Field> GlobalFields =>
        [Flag("doNotTrack"), Flag("preDNAT"), Flag("applyOnForward"), Selector("namespaceSelector")];

    private static ImmutableArray<Field> Fields(bool global) =>
    [
        WithDefault(Text("tier", Formats.NameFormats.Label), "\"default\""),
        Fraction("order"),
        List("ingress", RuleShapes.Ingress(global), RuleShapes.MaxRules),
        List("egress", RuleShapes.Egress(global), RuleShapes.MaxRules),
        Selector("selector"),
        Choices("types", 2, "Ingress", "Egress"),
        Selector("serviceAccountSelector"),
        Choices("performanceHints", 0, "AssumeNeededOnEveryNode"),
    ];

    private static void NoGlobalSelectors(JsonObjectView it, ShapeReport report)
    {
        EntityRules.NoGlobal(it, report, "selector");
        EntityRules.NoGlobal(it, report, "serviceAccountSelector");
        EntityRules.NoGlobal(it, report, "namespaceSelector");
    }

    private static void UntrackedAndPreDnat(JsonObjectView it, ShapeReport report)
    {
        var (preDnat, untracked) = (it.IsTrue("preDNAT"), it.IsTrue("doNotTrack"));
        if (preDnat && untracked)
        {
            report.Add(it.Path, "preDNAT and doNotTrack cannot both be true");
        }

        if (preDnat && it.Has("egress"))
        {
            report.Add(it.At("egress"), "preDNAT policy cannot have any egress rules");
        }

        if (preDnat && it.Texts("types").Contains("Egress"))
        {
            report.Add(it.At("types"), "preDNAT policy cannot have 'Egress' type");
        }

        if ((preDnat || untracked) && !it.IsTrue("applyOnForward"))
        {
            report.Add(it.At("applyOnForward"), "applyOnForward must be true if either preDNAT or doNotTrack is true");
        }
    }

    internal static void DeleteStandsAlone(JsonObjectView it, ShapeReport report)
    {
        if (it.Text("stagedAction") == "Delete"
            && it.Element.EnumerateObject().Any(member => member.Name is not ("stagedAction" or "tier") && it.Has(member.Name)
                && member.Value.ValueKind != System.Text.Json.JsonValueKind.False))
        {
            report.Add(it.Path, "Spec fields, except Tier, should all be zero-value if stagedAction is Delete");
        }
    }
}

/// <summary>Columns of policies and tiers.</summary>
internal static class PolicyColumns
{
    internal static TableColumn Order { get; } = new("ORDER", it => it.Object("spec")["order"] is { ValueKind: JsonValueKind.Number } order
        ? FormatFloat(order.GetDouble())
        : "<nil>");

    internal static ImmutableArray<TableColumn> Plain { get; } = [TableColumn.Name, TableColumn.Spec("TIER", "tier")];

    internal static ImmutableArray<TableColumn> Wide { get; } =
        [TableColumn.Name, TableColumn.Spec("TIER", "tier"), Order, TableColumn.Spec("SELECTOR", "selector")];

    // As Go's %v prints a float: shortest digits, with an exponent from a million up and below a ten-thousandth.
    private static string FormatFloat(double value)
    {
        var magnitude = Math.Abs(value);
        return magnitude is 0 or (>= 1e-4 and < 1e6)
            ? value.ToString("R", CultureInfo.InvariantCulture)
            : value.ToString("0.################e+00", CultureInfo.InvariantCulture);
    }
}
