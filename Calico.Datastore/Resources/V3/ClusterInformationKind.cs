using System.Text.Json;
using System.Text.Json.Serialization;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>ClusterInformation.</summary>
public sealed record ClusterInformationSpec
{
    /// <summary>32 hexadecimal digits.</summary>
    [JsonPropertyName("clusterGUID")] public string? ClusterGuid { get; init; }

    /// <summary>Separated by commas.</summary>
    public string? ClusterType { get; init; }

    public string? CalicoVersion { get; init; }

    /// <summary>False: locked for a migration; nothing may be changed.</summary>
    public bool? DatastoreReady { get; init; }

    public string? Variant { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>ClusterInformation: what the cluster is; written by the program, not by users.</summary>
internal static class ClusterInformationKind
{
    internal static ResourceKind<ClusterInformationSpec> Create() => new()
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
