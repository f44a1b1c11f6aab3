using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Resources.Json;

/// <summary>Source-generated metadata; use it through <see cref="ResourceJson"/>, whose options name members as upstream does.</summary>
[JsonSerializable(typeof(IpamBlockSpec))]
[JsonSerializable(typeof(IpamAffinityValue))]
[JsonSerializable(typeof(IpamHandleValue))]
[JsonSerializable(typeof(IpamConfigValue))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(JsonArray))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(Resource<BgpConfigurationSpec>))]
[JsonSerializable(typeof(Resource<BgpFilterSpec>))]
[JsonSerializable(typeof(Resource<BgpPeerSpec>))]
[JsonSerializable(typeof(Resource<CalicoNodeStatusSpec>))]
[JsonSerializable(typeof(Resource<ClusterInformationSpec>))]
[JsonSerializable(typeof(Resource<FelixConfigurationSpec>))]
[JsonSerializable(typeof(Resource<GlobalNetworkPolicySpec>))]
[JsonSerializable(typeof(Resource<GlobalNetworkSetSpec>))]
[JsonSerializable(typeof(Resource<HostEndpointSpec>))]
[JsonSerializable(typeof(Resource<IpamConfigurationSpec>))]
[JsonSerializable(typeof(Resource<IpPoolSpec>))]
[JsonSerializable(typeof(Resource<IpReservationSpec>))]
[JsonSerializable(typeof(Resource<KubeControllersConfigurationSpec>))]
[JsonSerializable(typeof(Resource<NetworkPolicySpec>))]
[JsonSerializable(typeof(Resource<NetworkSetSpec>))]
[JsonSerializable(typeof(Resource<NodeSpec>))]
[JsonSerializable(typeof(Resource<ProfileSpec>))]
[JsonSerializable(typeof(Resource<StagedGlobalNetworkPolicySpec>))]
[JsonSerializable(typeof(Resource<StagedKubernetesNetworkPolicySpec>))]
[JsonSerializable(typeof(Resource<StagedNetworkPolicySpec>))]
[JsonSerializable(typeof(Resource<TierSpec>))]
[JsonSerializable(typeof(Resource<WorkloadEndpointSpec>))]
internal sealed partial class ResourceJsonContext : JsonSerializerContext;
