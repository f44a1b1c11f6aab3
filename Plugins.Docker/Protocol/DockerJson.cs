using System.Text.Json.Serialization;
using Calico.Plugins.Docker.Networks;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>Everything that goes over the sockets or into the node's log, without reflection.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(Done))]
[JsonSerializable(typeof(Refusal))]
[JsonSerializable(typeof(ActivateAnswer))]
[JsonSerializable(typeof(NetworkCapabilities))]
[JsonSerializable(typeof(IpamCapabilities))]
[JsonSerializable(typeof(AddressSpaces))]
[JsonSerializable(typeof(PoolRequest))]
[JsonSerializable(typeof(PoolAnswer))]
[JsonSerializable(typeof(PoolRelease))]
[JsonSerializable(typeof(AddressRequest))]
[JsonSerializable(typeof(AddressAnswer))]
[JsonSerializable(typeof(AddressRelease))]
[JsonSerializable(typeof(NetworkRequest))]
[JsonSerializable(typeof(NetworkName))]
[JsonSerializable(typeof(EndpointRequest))]
[JsonSerializable(typeof(EndpointAnswer))]
[JsonSerializable(typeof(EndpointName))]
[JsonSerializable(typeof(EndpointFacts))]
[JsonSerializable(typeof(PortsRequest))]
[JsonSerializable(typeof(System.Collections.Immutable.ImmutableArray<PortBinding>))]
[JsonSerializable(typeof(JoinRequest))]
[JsonSerializable(typeof(JoinAnswer))]
[JsonSerializable(typeof(NetworkRecord))]
internal sealed partial class DockerJson : JsonSerializerContext;
