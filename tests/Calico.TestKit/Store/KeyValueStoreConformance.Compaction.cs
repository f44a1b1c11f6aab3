using NUnit.Framework;

namespace Calico.TestKit.Store;

public abstract partial class KeyValueStoreConformance
{
    /// <summary>Why a deletion at exactly the compacted revision is not told, or null: it is.</summary>
    protected virtual string? WhyDeletionsVanish => null;

    [Test]
    public async Task D_a_watch_from_exactly_the_compacted_revision_hears_what_changed_there()
    {
        var revision = await PutAsync("a", "1");
        await CompactAsync(revision, Ct);
        await using var watch = new WatchReader(Store, Prefix, revision, Ct);
        Assert.That(await watch.NextAsync(), Does.StartWith("put a=1"));
        await PutAsync("b", "1");
        Assert.That(await watch.NextAsync(), Does.StartWith("put b=1"));
    }

    [Test]
    public async Task D_a_watch_from_exactly_the_compacted_revision_hears_what_was_deleted_there()
    {
        if (WhyDeletionsVanish is { } reason)
        {
            Assert.Ignore(reason);
        }

        var revision = await PutAsync("a", "1");
        await DeleteAsync("a");
        await CompactAsync(revision + 1, Ct);
        await using var watch = new WatchReader(Store, Prefix, revision + 1, Ct);
        Assert.That(await watch.NextAsync(), Does.StartWith("delete a"));
    }

    [Test]
    public async Task D_a_key_that_was_written_again_outlives_the_compaction_of_its_deletion()
    {
        await PutAsync("a", "1");
        await DeleteAsync("a");
        var again = await PutAsync("a", "2");
        foreach (var revision in new[] { again - 1, again })
        {
            await CompactAsync(revision, Ct);
            Assert.That(Show(await Store.GetAsync(Prefix + "a", 0, Ct)),
                Is.EqualTo($"a=2 created {again} changed {again} version 1 lease 0"));
            Assert.That(Keys(await Store.ListAsync(Prefix, 0, Ct)), Is.EqualTo(["a"]));
        }
    }
}
