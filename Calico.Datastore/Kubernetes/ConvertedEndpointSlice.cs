using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Kubernetes;

/// <summary>A slice of a Service's endpoints as policy asks it.</summary>
/// <param name="Key">Its kind is <see cref="EndpointSliceConversion.Kind"/>.</param>
/// <param name="Slice">Null: it is of no Service.</param>
/// <param name="Errors">What of it could not be read, each with its field; the rest of it stands.</param>
public sealed record ConvertedEndpointSlice(ResourceKey Key, Resource<EndpointSliceSpec>? Slice, ImmutableArray<string> Errors);
