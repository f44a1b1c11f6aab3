using Calico.Datastore.Resources.Formats;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>CalicoNodeStatus: asks a node to report what it does.</summary>
internal static class CalicoNodeStatusKind
{
    internal static ResourceKind Create() => new ResourceKind<OpenSpec>
    {
        Name = "CalicoNodeStatus",
        Plural = "caliconodestatuses",
        Aliases = ["nodestatus", "nodestatuses"],
        Spec = new(Text("node", NameFormats.Subdomain), Choices("classes", 0, "Agent", "BGP", "Routes"), Required(Number("updatePeriodSeconds", 0, 86_400))),
        Columns = [TableColumn.Name, TableColumn.Spec("NODE", "node")],
        WideColumns = [TableColumn.Name, TableColumn.Spec("NODE", "node"), TableColumn.List("CLASSES", "classes")],
    };
}
