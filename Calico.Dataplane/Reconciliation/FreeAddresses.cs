using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Sync;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Addresses of this node's blocks that nobody has, as the store shows them.</summary>
/// <remarks>An address that another node borrowed, or that a tunnel of this one has, is not among them.</remarks>
internal sealed class FreeAddresses(string nodeName)
{
    private readonly Dictionary<string, IpamBlockSpec> _blocks = new(StringComparer.Ordinal);

    public void Apply(SyncBatch batch)
    {
        foreach (var update in batch.Updates.Where(u => Kinds.IpamBlock.Owns(u.Key)))
        {
            if (Kinds.IpamBlock.TryRead(update, out var block) && !block.Spec.Deleted && block.Spec.Affinity == $"host:{nodeName}")
            {
                _blocks[update.Key.Name] = block.Spec;
            }
            else
            {
                _blocks.Remove(update.Key.Name);
            }
        }
    }

    public IEnumerable<Cidr> List()
    {
        foreach (var spec in _blocks.Values)
        {
            if (!Cidr.TryParse(spec.Cidr, out var block))
            {
                continue;
            }

            for (var i = 0; i < spec.Allocations.Length; i++)
            {
                if (spec.Allocations[i] is null)
                {
                    yield return new(block.IsIpv6, block.First + (uint)i, block.AddressBits);
                }
            }
        }
    }
}
