using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>Source-generated metadata; use it through <see cref="ResourceJson"/>, whose options name members as upstream does.</summary>
[JsonSerializable(typeof(IpamBlockSpec))]
[JsonSerializable(typeof(IpamAffinityValue))]
[JsonSerializable(typeof(IpamHandleValue))]
[JsonSerializable(typeof(IpamConfigValue))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(double))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(JsonArray))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(OpenSpec))]
[JsonSerializable(typeof(Resource<OpenSpec>))]
[JsonSerializable(typeof(Resource<ClusterInformationSpec>))]
[JsonSerializable(typeof(Resource<FelixConfigurationSpec>))]
[JsonSerializable(typeof(Resource<IpamConfigurationSpec>))]
[JsonSerializable(typeof(Resource<IpPoolSpec>))]
[JsonSerializable(typeof(Resource<IpReservationSpec>))]
[JsonSerializable(typeof(Resource<NodeSpec>))]
[JsonSerializable(typeof(Resource<WorkloadEndpointSpec>))]
[JsonSerializable(typeof(Resource<ProfileSpec>))]
internal sealed partial class ResourceJsonContext : JsonSerializerContext;
