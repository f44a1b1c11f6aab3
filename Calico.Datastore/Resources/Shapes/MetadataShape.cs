using Calico.Datastore.Resources.Formats;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.Shapes;

/// <summary>Kubernetes' object metadata.</summary>
internal static class MetadataShape
{
    internal static ObjectShape Create(Func<string, string?> nameFormat) => new(
        Required(Text("name", nameFormat)),
        Text("generateName"),
        Text("namespace", NameFormats.Label),
        Text("selfLink"),
        Text("uid"),
        Text("resourceVersion"),
        Number("generation"),
        Text("creationTimestamp"),
        Text("deletionTimestamp"),
        Number("deletionGracePeriodSeconds"),
        Labels("labels"),
        Annotations("annotations"),
        Any("ownerReferences"),
        Texts("finalizers"),
        Any("managedFields"));
}
