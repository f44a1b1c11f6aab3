using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>Documents of this adapter in the node's log.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ContainerRecord))]
[JsonSerializable(typeof(ImmutableArray<NetworkRequest>))]
internal sealed partial class ContainerJson : JsonSerializerContext;
