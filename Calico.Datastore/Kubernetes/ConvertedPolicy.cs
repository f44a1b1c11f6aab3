using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Kubernetes;

/// <summary>A policy of Kubernetes as one of ours.</summary>
/// <param name="Key">Its kind says where it comes from: <c>KubernetesNetworkPolicy</c>, <c>KubernetesClusterNetworkPolicy</c>.</param>
/// <param name="Policy">Null: nothing of it can be enforced, and it stands for no policy.</param>
/// <param name="Errors">What of it could not be said, each with its field.</param>
public sealed record ConvertedPolicy(ResourceKey Key, Resource? Policy, ImmutableArray<string> Errors);
