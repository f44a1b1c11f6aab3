using Calico.Datastore.Store;
using NUnit.Framework;

namespace Calico.TestKit.Store;

public abstract partial class KeyValueStoreConformance
{
    [Test]
    public async Task A_watch_tells_of_every_change_in_order_with_what_was_before()
    {
        var from = await PutAsync("a", "0") + 1;
        await PutAsync("a", "1");
        await using var watch = new WatchReader(Store, Prefix, from, Ct);
        Assert.That(await watch.NextAsync(), Is.EqualTo("put a=1 (was 0)"), "what happened before the watch began");
        await PutAsync("b", "2");
        await DeleteAsync("a");
        Assert.That(await watch.NextAsync(), Is.EqualTo("put b=2"));
        Assert.That(await watch.NextAsync(), Is.EqualTo("delete a (was 1)"));
    }

    [Test]
    public async Task A_watch_hears_nothing_of_its_neighbours()
    {
        await using var watch = new WatchReader(Store, Prefix + "a", 0, Ct);
        await watch.StartedAsync();
        await PutAsync("A", "no");
        await PutAsync("b", "no");
        await PutAsync("a1", "yes");
        Assert.That(await watch.NextAsync(), Is.EqualTo("put 1=yes"));
    }

    [Test]
    public async Task The_changes_of_one_revision_come_in_one_batch()
    {
        var from = await PutAsync("x", "0") + 1;
        await Store.CommitAsync(new StoreTransaction([.. Enumerable.Range(0, 100)
            .Select(n => new StoreOperation.Put($"{Prefix}{n:d3}", Bytes("x")))]), Ct);
        await foreach (var batch in Store.WatchAsync(Prefix, from, Ct))
        {
            if (batch.Events.Length > 0)
            {
                Assert.That(batch.Events, Has.Length.EqualTo(100));
                Assert.That(batch.Revision, Is.GreaterThanOrEqualTo(from));
                Assert.That(batch.Events.Select(e => e.Current!.ModRevision), Is.All.EqualTo(from));
                break;
            }
        }
    }

    [Test]
    public async Task Many_watches_each_hear_everything_once()
    {
        var from = await PutAsync("start", "0") + 1;
        var watches = Enumerable.Range(0, 10).Select(_ => new WatchReader(Store, Prefix, from, Ct)).ToList();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(n => PutAsync($"{n:d3}", $"{n}")));
        foreach (var watch in watches)
        {
            var heard = new List<string>();
            while (heard.Count < 200)
            {
                heard.Add((await watch.NextAsync())[4..7]);
            }

            Assert.That(heard.Order(), Is.EqualTo(Enumerable.Range(0, 200).Select(n => $"{n:d3}")));
            Assert.That(watch.Revisions, Is.Ordered);
            await watch.DisposeAsync();
        }
    }

    [Test]
    public async Task A_watch_of_the_future_waits_for_it()
    {
        var now = await PutAsync("a", "0");
        await using var watch = new WatchReader(Store, Prefix, now + 2, Ct);
        await PutAsync("a", "1");
        await PutAsync("a", "2");
        Assert.That(await watch.NextAsync(), Does.StartWith("put a=2"));
    }

    [Test]
    public async Task A_quiet_watch_says_that_it_is_current()
    {
        var now = await PutAsync("a", "0");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        await foreach (var batch in Store.WatchAsync(Prefix + "quiet/", now + 1, limit.Token))
        {
            Assert.That(batch.Events, Is.Empty);
            if (batch.Revision >= now)
            {
                return;
            }
        }

        Assert.Fail("the watch ended");
    }

    [Test]
    public async Task A_compacted_watch_says_so_and_a_read_too()
    {
        var first = await PutAsync("a", "1");
        await PutAsync("a", "2");
        var last = await PutAsync("a", "3");
        await CompactAsync(last, Ct);
        var lost = await Assert.ThrowsAsync<CompactedException>(async () =>
        {
            await foreach (var batch in Store.WatchAsync(Prefix, first, Ct))
            {
                Assert.That(batch.Events, Is.Empty, "nothing may come after a gap");
            }
        });
        var read = await FailureAsync(Store.ListAsync(Prefix, first, Ct));
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(lost!.Oldest, Is.EqualTo(last));
            Assert.That(read.InnerException, Is.TypeOf<CompactedException>());
            Assert.That(Text(await Store.GetAsync(Prefix + "a", 0, Ct)), Is.EqualTo("3"));
        });
    }

    [Test]
    public async Task A_cancelled_watch_ends_by_its_token()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var watching = Task.Run(async () =>
        {
            await foreach (var batch in Store.WatchAsync(Prefix, 0, stop.Token))
            {
                await stop.CancelAsync();
            }
        });
        await PutAsync("a", "1");
        stop.CancelAfter(TimeSpan.FromSeconds(1));
        await Assert.ThatAsync(() => watching.WaitAsync(TimeSpan.FromSeconds(10)), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task A_cancelled_call_is_cancelled()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.MultipleAsync(async () =>
        {
            await Assert.ThatAsync(() => Store.GetAsync(Prefix, 0, cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
            await Assert.ThatAsync(() => Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(Prefix + "a", Bytes("1"))),
                cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
        });
        Assert.That(await Store.GetAsync(Prefix + "a", 0, Ct), Is.Null);
    }
}
