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
    private readonly HashSet<Cidr> _toldAll = [];
    private readonly HashSet<Cidr> _toldMasquerade = [];
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
        if (Difference(WellKnownSets.AllPools, _toldAll, [.. _pools.Values.Select(p => p.Cidr)]) is { } all)
        {
            yield return all;
        }
        if (Difference(WellKnownSets.MasqueradePools, _toldMasquerade, [.. _pools.Values.Where(p => p.Masquerade).Select(p => p.Cidr)]) is { } some)
        {
            yield return some;
        }
        _isTold = true;
    }

    private IpSetUpdate? Difference(string id, HashSet<Cidr> told, HashSet<Cidr> desired)
    {
        EquatableArray<IpSetMember> added = new([.. desired.Except(told).Order().Select(c => new IpSetMember(c))]);
        EquatableArray<IpSetMember> removed = new([.. told.Except(desired).Order().Select(c => new IpSetMember(c))]);
        told.Clear();
        told.UnionWith(desired);
        return _isTold && added.IsEmpty && removed.IsEmpty ? null : new(id, IpSetType.Nets, added, removed);
    }
}
