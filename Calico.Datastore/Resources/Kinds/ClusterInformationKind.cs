using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>ClusterInformation: what the cluster is; written by the program, not by users.</summary>
internal static class ClusterInformationKind
{
    internal static ResourceKind Create() => new ResourceKind<ClusterInformationSpec>
    {
        Name = "ClusterInformation",
        Plural = "clusterinformations",
        Aliases = ["clusterinfo", "clusterinfos"],
        Spec = new(Text("clusterGUID"), Text("clusterType"), Text("calicoVersion"), Flag("datastoreReady"), Text("variant")),
        Rules = [OnlyDefault],
        Columns =
        [
            TableColumn.Name, TableColumn.Spec("CLUSTERGUID", "clusterGUID"), TableColumn.Spec("CLUSTERTYPE", "clusterType"),
            TableColumn.Spec("CALICOVERSION", "calicoVersion"),
            new("DATASTOREREADY", it => it.Object("spec").IsTrue("datastoreReady") ? "true" : "false"),
        ],
    };

    /// <summary>The kind has one object, named default.</summary>
    internal static void OnlyDefault(Shapes.JsonObjectView it, Shapes.ShapeReport report)
    {
        if (it.Object("metadata").Text("name") != "default")
        {
            report.Add("metadata.name", "resource name must be 'default'", it.Object("metadata")["name"]);
        }
    }
}
