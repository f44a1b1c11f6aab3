using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Ipam;

namespace Calico.Host.Node;

/// <summary>Blocks of addresses that are JSON and make no sense, of whatever node: nobody can give an address of them or free one. Those
/// that are no JSON are among the values that cannot be used.</summary>
internal sealed class BlockCensus : IStoreFollower
{
    private const int Shown = 5;

    private readonly Lock _guard = new();
    private ImmutableSortedDictionary<string, string> _damaged = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public BlockCensus(HealthBoard health) => health.Ask("ipam", "stored blocks", WhyDamaged);

    public void Accept(SyncBatch batch, SyncStatus before)
    {
        foreach (var update in batch.Updates.Where(u => Kinds.IpamBlock.Owns(u.Key)))
        {
            var fault = Kinds.IpamBlock.TryRead(update, out var block) ? FaultOf(update.Key.Name, block.Spec) : null;
            lock (_guard)
            {
                _damaged = fault is null ? _damaged.Remove(update.Key.Name) : _damaged.SetItem(update.Key.Name, fault);
            }
        }
    }

    private static string? FaultOf(string name, IpamBlockSpec spec)
    {
        try
        {
            return AllocationBlock.FromSpec(spec).Cidr.ToString() is var cidr && cidr != name ? $"its value is that of block {cidr}" : null;
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            return e.Message;
        }
    }

    private string? WhyDamaged()
    {
        ImmutableSortedDictionary<string, string> damaged;
        lock (_guard)
        {
            damaged = _damaged;
        }

        return damaged.IsEmpty ? null
            : $"{damaged.Count} blocks make no sense: "
            + $"{string.Join("; ", damaged.Take(Shown).Select(d => $"{d.Key}: {d.Value}"))}{(damaged.Count > Shown ? "; ..." : "")}; "
            + "their addresses are kept and not given out: calicoctl ipam check";
    }
}
