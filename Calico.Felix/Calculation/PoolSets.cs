using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;

namespace Calico.Felix.Calculation;

/// <summary>The two sets that masquerading asks: pools with natOutgoing, and all pools. A disabled pool gives no new addresses, but
/// those it gave are still its.</summary>
internal sealed class PoolSets
{
    private readonly Dictionary<string, (Cidr Cidr, bool Masquerade)> _pools = new(StringComparer.Ordinal);
    private readonly Delta<Cidr, bool> _all = new();
    private readonly Delta<Cidr, bool> _masquerade = new();
    private bool _isTold;
    private bool _isTouched;

    public void Apply(SyncUpdate update)
    {
        _isTouched = true;
        if (Kinds.IpPool.TryRead(update, out var pool) && Cidr.TryParse(pool.Spec.Cidr, out var cidr))
        {
            _pools[update.Key.Name] = (cidr, pool.Spec.NatOutgoing ?? false);
        }
        else
        {
            _pools.Remove(update.Key.Name);
        }
    }

    public IEnumerable<DataplaneUpdate> Take()
    {
        if (_isTold && !_isTouched)
        {
            yield break;
        }

        _isTouched = false;
        if (Difference(WellKnownSets.AllPools, _all, _pools.Values.Select(p => p.Cidr)) is { } all)
        {
            yield return all;
        }

        if (Difference(WellKnownSets.MasqueradePools, _masquerade, _pools.Values.Where(p => p.Masquerade).Select(p => p.Cidr)) is { } some)
        {
            yield return some;
        }

        _isTold = true;
    }

    private IpSetUpdate? Difference(string id, Delta<Cidr, bool> delta, IEnumerable<Cidr> desired)
    {
        delta.Replace(desired.Distinct().ToDictionary(c => c, _ => true));
        var changes = delta.Changes.OrderBy(c => c.Key).ToLookup(c => c.Is, c => new IpSetMember(c.Key));
        EquatableArray<IpSetMember> added = new([.. changes[true]]);
        EquatableArray<IpSetMember> removed = new([.. changes[false]]);
        delta.Settle();
        return _isTold && added.IsEmpty && removed.IsEmpty ? null : new(id, IpSetType.Nets, added, removed);
    }
}
