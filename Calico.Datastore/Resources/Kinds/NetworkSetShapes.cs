using System.Collections.Immutable;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

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
