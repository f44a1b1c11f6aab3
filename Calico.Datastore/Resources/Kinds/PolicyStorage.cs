using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Calico.Datastore.Resources.Kinds;

/// <summary>How policies stand in the store: upstream since 3.32 writes the name into an annotation, by which it tells them from older
/// ones, whose names carry the tier in front.</summary>
internal static class PolicyStorage
{
    private const string Annotation = "projectcalico.org/metadata";
    private const string OldPrefix = "default.";

    internal static Resource AddName(Resource policy) => WithAnnotations(policy, (policy.Metadata.Annotations
        ?? ImmutableSortedDictionary<string, string>.Empty)
        .SetItem(Annotation, new JsonObject { ["name"] = policy.Metadata.Name }.ToJsonString()));

    internal static Resource TakeName(Resource policy)
    {
        if (policy.Metadata.Annotations?.ContainsKey(Annotation) == true)
        {
            return WithAnnotations(policy, policy.Metadata.Annotations.Remove(Annotation));
        }

        return policy.Metadata.Name.StartsWith(OldPrefix, StringComparison.Ordinal)
            ? policy with { Metadata = policy.Metadata with { Name = policy.Metadata.Name[OldPrefix.Length..] } }
            : policy;
    }

    private static Resource WithAnnotations(Resource policy, ImmutableSortedDictionary<string, string> annotations) =>
        policy with { Metadata = policy.Metadata with { Annotations = annotations.IsEmpty ? null : annotations } };
}
