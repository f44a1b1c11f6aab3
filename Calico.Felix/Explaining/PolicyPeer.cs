using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;

namespace Calico.Felix.Explaining;

/// <summary>One end of a connection that is asked about.</summary>
/// <param name="Endpoint">The workload endpoint; null: an address that no workload has, which no policy of a workload judges.</param>
/// <param name="Address">Host-length.</param>
public readonly record struct PolicyPeer(ResourceKey? Endpoint, Cidr Address);
