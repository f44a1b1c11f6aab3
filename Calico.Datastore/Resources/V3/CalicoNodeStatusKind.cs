using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Formats;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>CalicoNodeStatus.</summary>
public sealed record CalicoNodeStatusSpec
{
    public string? Node { get; init; }

    /// <summary>Agent, BGP, Routes.</summary>
    public ImmutableArray<string>? Classes { get; init; }

    /// <summary>0: no updates.</summary>
    public int? UpdatePeriodSeconds { get; init; }

    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>CalicoNodeStatus: asks a node to report what it does.</summary>
internal static class CalicoNodeStatusKind
{
    internal static ResourceKind<CalicoNodeStatusSpec> Create() => new()
    {
        Name = "CalicoNodeStatus",
        Plural = "caliconodestatuses",
        Aliases = ["nodestatus", "nodestatuses"],
        Spec = new(Text("node", NameFormats.Subdomain), Choices("classes", 0, "Agent", "BGP", "Routes"),
            Required(Number("updatePeriodSeconds", 0, 86_400))),
        Columns = [TableColumn.Name, TableColumn.Spec("NODE", "node")],
        WideColumns = [TableColumn.Name, TableColumn.Spec("NODE", "node"), TableColumn.List("CLASSES", "classes")],
    };
}
