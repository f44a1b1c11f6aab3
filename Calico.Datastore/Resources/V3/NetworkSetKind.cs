using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>NetworkSet.</summary>
public sealed record NetworkSetSpec
{
    public ImmutableArray<string>? Nets { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>NetworkSet: addresses outside the cluster that a namespace's policies can select by labels.</summary>
internal static class NetworkSetKind
{
    internal static ResourceKind<NetworkSetSpec> Create() => new()
    {
        Name = "NetworkSet",
        Plural = "networksets",
        Aliases = ["netsets"],
        Namespaced = true,
        Spec = NetworkSetShapes.Spec,
        Rules = [NetworkSetShapes.NoReservedLabel],
        WideColumns = NetworkSetShapes.WideColumns,
    };
}

/// <summary>What the two kinds of network sets share.</summary>
internal static class NetworkSetShapes
{
    private const int MaxShown = 80;
    private const string NamespaceLabel = "projectcalico.org/namespace";

    internal static ObjectShape Spec { get; } = new(Texts("nets", NetFormats.Net, set: true));

    internal static ImmutableArray<TableColumn> WideColumns { get; } =
        [TableColumn.Name, new("NETS", it => Shorten(string.Join(',', it.Object("spec").Texts("nets"))))];

    // The label says which namespace an endpoint is in; a set that wears it would pose as one of that namespace.
    internal static void NoReservedLabel(JsonObjectView it, ShapeReport report)
    {
        if (it.Object("metadata").Object("labels").IsSet(NamespaceLabel))
        {
            report.Add("metadata.labels", $"label {NamespaceLabel} is reserved");
        }
    }

    private static string Shorten(string text) => text.Length <= MaxShown ? text : text[..(MaxShown - 3)] + "...";
}
