using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;

namespace Calico.Datastore.Resources.V3;

/// <summary>Pools must not overlap, nor change what their blocks stand on.</summary>
internal sealed class IpPoolClientRules : ClientRules
{
    // How long upstream gives every allocator to notice that the pool is disabled before its blocks are given up.
    private static readonly TimeSpan DisableNotice = TimeSpan.FromMilliseconds(500);

    /// <summary>Two that were made at once would not have seen each other.</summary>
    public override Task<WriteGuard> GuardCreateAsync(ResourceClient client, Resource resource, CancellationToken ct) =>
        WriteGuard.TakeAsync(client.Store, OwnKeys.PoolGeneration, ct);

    public override async Task<Resource> BeforeCreateAsync(ResourceClient client, Resource resource, CancellationToken ct)
    {
        var pool = Normalise((Resource<IpPoolSpec>)resource);
        await RefuseOverlapAsync(client, pool, ct);
        await RefuseOtherBlocksAsync(client, pool.Spec, ct);
        return pool;
    }

    public override Task<Resource> BeforeUpdateAsync(ResourceClient client, Resource old, Resource resource, CancellationToken ct)
    {
        var (before, after) = ((Resource<IpPoolSpec>)old, Normalise((Resource<IpPoolSpec>)resource));
        if (!Cidr.TryParse(before.Spec.Cidr, out var range) || range.ToString() != after.Spec.Cidr)
        {
            throw ResourceErrors.Invalid("IPPool.Spec.CIDR", "IPPool CIDR cannot be modified", after.Spec.Cidr);
        }

        if (BlockSize(before.Spec) != BlockSize(after.Spec))
        {
            throw ResourceErrors.Invalid("IPPool.Spec.BlockSize", "IPPool BlockSize cannot be modified", $"{after.Spec.BlockSize}");
        }

        if (IsLoadBalancer(before.Spec) != IsLoadBalancer(after.Spec))
        {
            throw ResourceErrors.Invalid("IPPool.Spec.AllowedUses", "IPPool AllowedUses of a LoadBalancer pool cannot be modified");
        }

        return Task.FromResult<Resource>(after);
    }

    public override async Task BeforeDeleteAsync(ResourceClient client, Resource old, CancellationToken ct)
    {
        var pool = (Resource<IpPoolSpec>)old;
        if (pool.Spec.Disabled != true)
        {
            await client.ReplaceAsync(pool with
            {
                Metadata = pool.Metadata with { ResourceVersion = null },
                Spec = pool.Spec with { Disabled = true },
            }, ct);
        }

        if (client.Addresses is { } addresses)
        {
            await Task.Delay(DisableNotice, client.Time, ct);
            await addresses.ReleasePoolAsync(pool.Spec.Cidr, ct);
        }
    }

    /// <summary>Old data has no block size and no uses; whoever reads sees those that count.</summary>
    internal static Resource FillDefaults(Resource resource)
    {
        var pool = (Resource<IpPoolSpec>)resource;
        // A pool for certain namespaces cannot serve tunnels, which are in none; to say that it does would make it invalid.
        var uses = (pool.Spec.AllowedUses?.IsEmpty ?? true) && string.IsNullOrEmpty(pool.Spec.NamespaceSelector);
        return pool with
        {
            Spec = pool.Spec with
            {
                BlockSize = BlockSize(pool.Spec),
                AllowedUses = uses ? ["Workload", "Tunnel"] : pool.Spec.AllowedUses,
            },
        };
    }

    private static async Task RefuseOverlapAsync(ResourceClient client, Resource<IpPoolSpec> pool, CancellationToken ct)
    {
        if (!Cidr.TryParse(pool.Spec.Cidr, out var range))
        {
            return;
        }

        foreach (var other in (await client.ListAsync(Kinds.IpPool, "", ct)).Items)
        {
            if (other.Metadata.Name != pool.Metadata.Name && Cidr.TryParse(other.Spec.Cidr, out var taken) && range.Overlaps(taken))
            {
                throw ResourceErrors.Invalid("IPPool.Spec.CIDR",
                    $"IPPool({pool.Metadata.Name}) CIDR overlaps with IPPool({other.Metadata.Name}) CIDR {other.Spec.Cidr}",
                    pool.Spec.Cidr);
            }
        }
    }

    /// <summary>Blocks of an earlier pool that this one would not make the same have addresses in use; a block of this pool would give them
    /// out again.</summary>
    private static async Task RefuseOtherBlocksAsync(ResourceClient client, IpPoolSpec pool, CancellationToken ct)
    {
        if (!Cidr.TryParse(pool.Cidr, out var range))
        {
            return;
        }

        var blocks = await client.Store.ListAsync(IpamKeys.Blocks(range.Version), 0, ct);
        foreach (var block in blocks.Items)
        {
            if (IpamKeys.TryParseBlock(block.Key, out var text) && Cidr.TryParse(text, out var other) && range.Overlaps(other)
                && !(range.Contains(other) && other.PrefixLength == BlockSize(pool)) && !IsDeleted(block))
            {
                throw ResourceErrors.Invalid("IPPool.Spec.BlockSize",
                    "IPPool blocksSize conflicts with existing allocations that use a different blockSize: "
                    + $"block {other} of an earlier pool is there until its addresses are released", $"{BlockSize(pool)}");
            }
        }
    }

    private static bool IsDeleted(KeyValue block)
    {
        try
        {
            return ResourceJson.Read<IpamBlockSpec>(block.Value.Span).Deleted;
        }
        catch (JsonException)
        {
            // A block that cannot be read may hold addresses: it counts.
            return false;
        }
    }

    private static Resource<IpPoolSpec> Normalise(Resource<IpPoolSpec> pool)
    {
        if (NetFormats.Net(pool.Spec.Cidr) is { } wrong)
        {
            throw ResourceErrors.Invalid("IPPool.Spec.CIDR", $"IPPool {wrong}", pool.Spec.Cidr);
        }

        var cidr = Cidr.Parse(pool.Spec.Cidr).ToString();
        return pool with { Spec = pool.Spec with { Cidr = cidr, BlockSize = BlockSize(pool.Spec with { Cidr = cidr }) } };
    }

    private static int BlockSize(IpPoolSpec pool)
    {
        // Old data may hold what is no range: that one counts as IPv4.
        _ = Cidr.TryParse(pool.Cidr, out var range);
        return pool.BlockSize is { } size and not 0 ? size : IpPoolSpec.DefaultBlockSize(range);
    }

    private static bool IsLoadBalancer(IpPoolSpec pool) => pool.AllowedUses?.Contains("LoadBalancer") == true;
}
