using System.Text;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>This node's key that every transaction of IPAM compares: a write of it makes sure that what is under way cannot take any more.
/// </summary>
internal sealed class HostMarker(LeaseBasis basis)
{
    /// <summary>It has to exist: one that is absent can come and go without a trace.</summary>
    /// <returns>Whether it had to be made.</returns>
    public async Task<bool> EnsureAsync(CancellationToken ct)
    {
        if (basis.Cache.TryGet(basis.Marker, out var known) && known.ModRevision != 0)
        {
            return false;
        }

        if (await basis.Store.GetAsync(basis.Marker, 0, ct) is { } stored)
        {
            basis.Cache.Set(basis.Marker, CachedValue.Of(stored));
            return false;
        }

        await basis.Store.CommitAsync(new([StoreCompare.Absent(basis.Marker)], [Put()], []), ct);
        basis.Cache.Forget(basis.Marker);
        return true;
    }

    /// <summary>The fence: after this no transaction that is still under way takes.</summary>
    public async Task RewriteAsync(CancellationToken ct)
    {
        await basis.Store.CommitAsync(new(Put()), ct);
        basis.Cache.Forget(basis.Marker);
    }

    private StoreOperation.Put Put() => new(basis.Marker, Encoding.UTF8.GetBytes("{}"));
}
