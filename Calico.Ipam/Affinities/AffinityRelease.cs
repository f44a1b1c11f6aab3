using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Ways in which a block loses its host, within one change.</summary>
internal static class AffinityRelease
{
    /// <summary>Gives an empty block back; also an affinity without a block of its owner.</summary>
    /// <returns>False: the block is in use or cannot be read, so it stays.</returns>
    public static async Task<bool> TryReleaseEmptyAsync(IpamChange change, AffinityOwner owner, Cidr cidr, CancellationToken ct)
    {
        var block = await change.UsableBlockAsync(cidr, ct);
        if (block is null && await change.ExistsAsync(cidr, ct))
        {
            return false;
        }

        if (block is { } held && held.Affinity == owner.Text)
        {
            if (!held.IsEmpty)
            {
                return false;
            }

            await DeleteAsync(change, held, ct);
        }

        await change.DeleteAffinityAsync(owner, cidr, ct);
        return true;
    }

    /// <summary>Takes a block from its host. An empty one vanishes; one in use goes on without a host, and its addresses with it.</summary>
    public static async Task ReleaseAsync(IpamChange change, AffinityOwner owner, AllocationBlock block, CancellationToken ct)
    {
        if (block.IsEmpty)
        {
            await DeleteAsync(change, block, ct);
        }
        else
        {
            change.Put(block.WithAffinity(null, null));
        }

        await change.DeleteAffinityAsync(owner, block.Cidr, ct);
    }

    /// <summary>Deletes a block; what a Windows host had set apart in it goes from its handle too.</summary>
    public static async Task DeleteAsync(IpamChange change, AllocationBlock block, CancellationToken ct)
    {
        foreach (var group in block.AllocatedOrdinals.GroupBy(o => block.AttributeOf(o)!.HandleId))
        {
            if (group.Key is { } handle)
            {
                await change.CountHandleAsync(handle, block.Cidr, -group.Count(), ct);
            }
        }

        change.DeleteBlock(block.Cidr);
    }
}
