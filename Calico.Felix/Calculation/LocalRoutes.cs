using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;

namespace Calico.Felix.Calculation;

/// <summary>Routes to this node's endpoints, and nowhere for what is left of its blocks.</summary>
/// <remarks>Two endpoints may claim one address for a moment (a new life before the old one is withdrawn); the first by id has it until
/// it goes, so that the outcome does not depend on the order of events.</remarks>
internal sealed class LocalRoutes(string nodeName, Delta<Cidr, RouteUpdate> updates)
{
    private readonly Dictionary<WorkloadEndpointId, (string InterfaceName, ImmutableArray<Cidr> Addresses)> _claims = [];
    private readonly Dictionary<Cidr, List<WorkloadEndpointId>> _claimants = [];
    private readonly Dictionary<string, Cidr> _blocks = new(StringComparer.Ordinal);

    public void Claim(WorkloadEndpointId id, string interfaceName, ImmutableArray<Cidr> addresses)
    {
        Release(id);
        _claims[id] = (interfaceName, addresses);
        foreach (var address in addresses)
        {
            if (!_claimants.TryGetValue(address, out var claimants))
            {
                _claimants.Add(address, claimants = []);
            }

            claimants.Add(id);
            Settle(address);
        }
    }

    public void Release(WorkloadEndpointId id)
    {
        if (!_claims.Remove(id, out var claim))
        {
            return;
        }

        foreach (var address in claim.Addresses)
        {
            var claimants = _claimants[address];
            claimants.Remove(id);
            if (claimants.Count == 0)
            {
                _claimants.Remove(address);
            }

            Settle(address);
        }
    }

    /// <summary>An IPAM block: ours as long as its affinity says so.</summary>
    public void ApplyBlock(SyncUpdate update)
    {
        if (_blocks.Remove(update.Key.Name, out var former))
        {
            Settle(former);
        }

        if (Kinds.IpamBlock.TryRead(update, out var stored) && !stored.Spec.Deleted && stored.Spec.Affinity == $"host:{nodeName}"
            && Cidr.TryParse(stored.Spec.Cidr, out var block))
        {
            _blocks[update.Key.Name] = block;
            Settle(block);
        }
    }

    private void Settle(Cidr destination)
    {
        if (_claimants.TryGetValue(destination, out var claimants))
        {
            var first = claimants.MinBy(c => c.ToString(), StringComparer.Ordinal);
            updates.Set(destination, new(destination, _claims[first].InterfaceName));
        }
        else if (!destination.IsHost && _blocks.ContainsValue(destination))
        {
            updates.Set(destination, new(destination, null));
        }
        else
        {
            updates.Remove(destination);
        }
    }
}
