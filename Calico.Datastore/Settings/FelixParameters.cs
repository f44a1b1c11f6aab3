using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Calico.Datastore.Resources.Shapes;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Settings;

/// <summary>FelixConfiguration's parameters by the names that they have in the environment: one table says what a parameter may be,
/// wherever it is written.</summary>
public static class FelixParameters
{
    private const string Prefix = "FELIX_";

    private static readonly FrozenDictionary<string, Field> ByVariable =
        FelixConfigurationFields.All.ToFrozenDictionary(field => Prefix + field.Name.ToUpperInvariant(), StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether upstream's Felix takes a variable.</summary>
    public static bool Has(string variable) => ByVariable.ContainsKey(variable);

    /// <summary>What is wrong with a text, e.g. <c>must be from 1 to 65535</c>; null: nothing, or it is no parameter.</summary>
    public static string? Check(string variable, string text)
    {
        if (!variable.StartsWith(Prefix, StringComparison.Ordinal) || !ByVariable.TryGetValue(variable, out var field))
        {
            return null;
        }

        // A flag is whatever its reader takes for one.
        if (field.Shape is FlagShape)
        {
            return null;
        }

        JsonNode node = field.Shape is NumberShape or NumberOrTextShape && TryNumber(text, out var number) ? JsonValue.Create(number)
            : JsonValue.Create(text);
        using var document = JsonDocument.Parse(node.ToJsonString());
        var report = new ShapeReport();
        field.Shape.Check(document.RootElement, field.Name, report);
        return report.Errors is [var error, ..] ? $"it {error.Message}" : null;
    }

    /// <summary>A whole number as Go reads one: decimal, or hexadecimal after <c>0x</c>.</summary>
    public static bool TryNumber(string text, out long number) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
}
