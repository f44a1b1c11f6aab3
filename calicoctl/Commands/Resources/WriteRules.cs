using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;

namespace Calico.Cli.Commands.Resources;

/// <summary>What users may not write although the program can.</summary>
internal static class WriteRules
{
    private const string KubernetesPolicyPrefix = "knp.default.";

    internal static void Check(string operation, ResourceKind kind, string name)
    {
        if (kind == Kinds.ClusterInformation)
        {
            throw ResourceErrors.NotSupported(operation is "create" or "apply" ? "create or apply" : operation, kind.Name,
                "resource is readonly");
        }

        if (kind == Kinds.NetworkPolicy && name.StartsWith(KubernetesPolicyPrefix, StringComparison.Ordinal))
        {
            throw ResourceErrors.NotSupported(operation, name, "kubernetes network policies must be managed through the kubernetes API");
        }
    }

    /// <summary>Upstream's create takes of the metadata only what a user decides.</summary>
    internal static Resource Reduce(Resource resource) => resource with
    {
        Metadata = new()
        {
            Name = resource.Metadata.Name,
            Namespace = resource.Metadata.Namespace,
            Labels = resource.Metadata.Labels,
            Annotations = resource.Metadata.Annotations,
            ResourceVersion = resource.Metadata.ResourceVersion,
        },
    };
}
