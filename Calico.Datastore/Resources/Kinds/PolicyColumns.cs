using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Calico.Datastore.Resources.Kinds;

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
