using System.Text.Json.Serialization;

namespace Calico.Datastore.Resources;

/// <summary>Source-generated metadata; use it through <see cref="ResourceJson"/>, whose options name members as upstream does.</summary>
[JsonSerializable(typeof(IpamBlockSpec))]
[JsonSerializable(typeof(IpamAffinityValue))]
[JsonSerializable(typeof(IpamHandleValue))]
[JsonSerializable(typeof(IpamConfigValue))]
[JsonSerializable(typeof(Resource<IpPoolSpec>))]
[JsonSerializable(typeof(Resource<WorkloadEndpointSpec>))]
[JsonSerializable(typeof(Resource<ProfileSpec>))]
internal sealed partial class ResourceJsonContext : JsonSerializerContext;
