using Calico.Datastore.Store;
using NUnit.Framework;

namespace Calico.TestKit.Store;

/// <summary>What takes seconds by any store's own clock.</summary>
public abstract partial class KeyValueStoreConformance
{
    [Test]
    public async Task A_lease_that_is_not_kept_alive_expires()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(2), Ct);
        await Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(Prefix + "a", Bytes("1"), lease)), Ct);
        await using var watch = new WatchReader(Store, Prefix, 0, Ct);
        await watch.StartedAsync();
        Assert.That(await watch.NextAsync(), Is.EqualTo("delete a (was 1)"));
        Assert.That(await Store.KeepAliveAsync(lease, Ct), Is.False);
    }
}
