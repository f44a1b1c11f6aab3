using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>Everything IPAM stores, read once.</summary>
/// <param name="Blocks">In key order.</param>
/// <param name="Damaged">Keys that cannot be read, with the reason.</param>
/// <param name="Handles">By id.</param>
/// <param name="Affinities">Owner and block, whatever the state.</param>
/// <param name="Pools">In name order.</param>
/// <param name="Reserved">Reservations.</param>
/// <param name="Nodes">Names of all nodes.</param>
public sealed record IpamSnapshot(ImmutableArray<AllocationBlock> Blocks, ImmutableArray<(string Key, string Reason)> Damaged,
    ImmutableSortedDictionary<string, IpamHandleValue> Handles, ImmutableArray<(AffinityOwner Owner, Cidr Block)> Affinities,
    ImmutableArray<IpamPool> Pools, AddressSet Reserved, ImmutableHashSet<string> Nodes)
{
    /// <summary>Reads it, all at one revision.</summary>
    public static async Task<IpamSnapshot> ReadAsync(IKeyValueStore store, IIpamFacts? facts, CancellationToken ct)
    {
        var range = await store.ListAsync(IpamKeys.Root, 0, ct);
        var blocks = ImmutableArray.CreateBuilder<AllocationBlock>();
        var damaged = ImmutableArray.CreateBuilder<(string, string)>();
        var handles = ImmutableSortedDictionary.CreateBuilder<string, IpamHandleValue>(StringComparer.Ordinal);
        var affinities = ImmutableArray.CreateBuilder<(AffinityOwner, Cidr)>();
        foreach (var item in range.Items)
        {
            try
            {
                if (IpamKeys.TryParseBlock(item.Key, out var name))
                {
                    blocks.Add(AllocationBlock.FromStored(name, item.Value.Span));
                }
                else if (item.Key.StartsWith(IpamKeys.Handles, StringComparison.Ordinal))
                {
                    handles[item.Key[IpamKeys.Handles.Length..]] = ResourceJson.Read<IpamHandleValue>(item.Value.Span);
                }
                else if (IpamKeys.TryParseAffinity(item.Key, out var owner, out var block) && Cidr.TryParse(block, out var cidr)
                    && AffinityOwner.Parse(owner) is { } parsed)
                {
                    affinities.Add((parsed, cidr));
                }
            }
            catch (Exception e) when (ResourceJson.IsUnreadable(e) || e is CalicoException)
            {
                damaged.Add((item.Key, e.Message));
            }
        }

        var source = facts ?? new StoreIpamFacts(store);
        return new(blocks.ToImmutable(), damaged.ToImmutable(), handles.ToImmutable(), affinities.ToImmutable(),
            await source.PoolsAsync(ct), await source.ReservationsAsync(ct), await NodesAsync(store, ct));
    }

    private static async Task<ImmutableHashSet<string>> NodesAsync(IKeyValueStore store, CancellationToken ct)
    {
        var prefix = Kinds.Node.Prefix;
        return [.. (await store.ListAsync(prefix, 0, ct)).Items.Select(i => i.Key[prefix.Length..])];
    }
}
