using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;

namespace Calico.Felix.Explaining;

/// <summary>One end of a connection that is asked about.</summary>
/// <param name="Endpoint">The workload endpoint; null: an address that no workload has, which no policy of a workload judges.</param>
/// <param name="Address">Host-length.</param>
/// <param name="Host">The host that the workload is on, or, without one, that is the end itself, with the interface that its connections to
/// others pass; null: no host that anybody knows of.</param>
public readonly record struct PolicyPeer(ResourceKey? Endpoint, Cidr Address, HostPassage? Host = null)
{
    /// <summary>Whether a host is the end.</summary>
    public bool IsHost => Endpoint is null && Host is not null;
}
