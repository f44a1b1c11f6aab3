using System.Text;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable]
public sealed partial class EmbeddedEngineTests : IAsyncDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();

    public ValueTask DisposeAsync() => _folder.DisposeAsync();

    [Test]
    public async Task Everything_is_there_again_after_reopening()
    {
        long revision;
        long lease;
        await using (var engine = await OpenAsync())
        {
            await PutAsync(engine, "/a", "1");
            revision = await PutAsync(engine, "/a", "2");
            lease = await engine.Store.GrantLeaseAsync(TimeSpan.FromSeconds(60), Ct);
            await engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Put("/leased", "l"u8.ToArray(), lease)), Ct);
            await PutAsync(engine, "/gone", "g");
            await DeleteAsync(engine, "/gone");
            await engine.Log.CommitAsync([new NodeLogWrite("leases/1", "x"u8.ToArray())], Ct);
        }

        await using var again = await OpenAsync();
        var list = await again.Store.ListAsync("/", 0, Ct);
        Assert.Multiple(() =>
        {
            Assert.That(list.Items.Select(i => $"{i.Key}={Text(i)} v{i.Version} lease {i.Lease == lease}"),
                Is.EqualTo(["/a=2 v2 lease False", "/leased=l v1 lease True"]));
            Assert.That(list.Revision, Is.EqualTo(revision + 3));
            Assert.That(Encoding.UTF8.GetString(again.Log.Get("leases/1")!.Value.Span), Is.EqualTo("x"));
        });
        Assert.That(Text((await again.Store.GetAsync("/a", revision - 1, Ct))!), Is.EqualTo("1"), "history is there too");
        Assert.That(await ChangesAsync(again, revision), Is.EqualTo(["/a=2", "/leased=l", "/gone=g", "/gone deleted"]));
        Assert.That(await PutAsync(again, "/b", "1"), Is.EqualTo(revision + 4));
    }

    [Test]
    public async Task A_restart_gives_leases_their_whole_time_again_and_then_they_end()
    {
        await using (var engine = await OpenAsync())
        {
            var lease = await engine.Store.GrantLeaseAsync(TimeSpan.FromSeconds(60), Ct);
            await engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Put("/leased", "l"u8.ToArray(), lease)), Ct);
            _time.Advance(TimeSpan.FromSeconds(50));
        }

        await using var again = await OpenAsync();
        _time.Advance(TimeSpan.FromSeconds(59));
        await PutAsync(again, "/other", "1");
        Assert.That(await again.Store.GetAsync("/leased", 0, Ct), Is.Not.Null);
        _time.Advance(TimeSpan.FromSeconds(2));
        await PutAsync(again, "/other", "2");
        Assert.That(await again.Store.GetAsync("/leased", 0, Ct), Is.Null);
    }

    [Test]
    public async Task A_lease_kept_alive_stays()
    {
        await using var engine = await OpenAsync();
        var lease = await engine.Store.GrantLeaseAsync(TimeSpan.FromSeconds(10), Ct);
        await engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Put("/leased", "l"u8.ToArray(), lease)), Ct);
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(9));
            Assert.That(await engine.Store.KeepAliveAsync(lease, Ct), Is.True);
        }

        await PutAsync(engine, "/other", "1");
        Assert.That(await engine.Store.GetAsync("/leased", 0, Ct), Is.Not.Null);
    }

    [Test]
    public async Task History_stays_bounded_in_memory_and_in_the_file()
    {
        var options = _folder.Options() with { KeptChanges = 200 };
        await using (var engine = await OpenAsync(options))
        {
            for (var i = 0; i < 20; i++)
            {
                await Task.WhenAll(Enumerable.Range(0, 100).Select(n => PutAsync(engine, $"/{n % 10}", $"{i}")));
            }

            await DeleteAsync(engine, "/0");
            Assert.That(engine.History.Count, Is.LessThanOrEqualTo(200 + (2 * 200 / 8) + 256), "the bound, its slack and a group");
            var first = await Assert.ThrowsAsync<CompactedException>(() => ChangesAsync(engine, 2));
            Assert.That(first!.Oldest, Is.GreaterThan(1000));
            await PutAsync(engine, "/1", "last");
            await engine.CompactAsync((await engine.Store.ListAsync("/", 0, Ct)).Revision, Ct);
            Assert.That(engine.History.Count, Is.EqualTo(1), "what the compacted revision itself changed");
            Assert.That(engine.State.Keys.Count, Is.EqualTo(9), "the deleted key is forgotten");
        }

        Assert.That(Rows("change"), Is.EqualTo(9));
        await using var again = await OpenAsync(options);
        Assert.That((await again.Store.ListAsync("/", 0, Ct)).Items, Has.Length.EqualTo(9));
        Assert.That((await again.Store.ListAsync("/", 0, Ct)).Revision, Is.EqualTo(2003), "1 + 2000 puts + 1 deletion + 1 put");
    }

    [Test]
    public async Task Large_values_are_bounded_by_bytes()
    {
        await using var engine = await OpenAsync(_folder.Options() with { KeptBytes = 1 << 20 });
        for (var i = 0; i < 400; i++)
        {
            await PutAsync(engine, "/big", new string('x', 10_000));
        }

        Assert.That(engine.History.Bytes, Is.LessThan(2 << 20));
        Assert.That(engine.History.Count, Is.GreaterThanOrEqualTo(100), "some stay for watches to catch up");
    }

    [Test]
    public async Task A_pause_copies_the_log_back_and_trims_history()
    {
        await using var engine = await OpenAsync(_folder.Options() with { KeptChanges = 1000 });
        await Task.WhenAll(Enumerable.Range(0, 1200).Select(n => PutAsync(engine, $"/{n:d4}", new string('x', 200))));
        Assert.That(new FileInfo(_folder.File).Length, Is.LessThan(100_000), "a burst is not disturbed");
        Assert.That(engine.History.Count, Is.EqualTo(1200), "within the slack");
        for (var left = 500; new FileInfo(_folder.File).Length < 200_000 || engine.History.Count > 1000; left--)
        {
            Assert.That(left, Is.GreaterThan(0), $"{new FileInfo(_folder.File).Length} bytes, {engine.History.Count} changes");
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
        }
    }

    [Test]
    public async Task A_reader_of_an_old_revision_gets_all_of_it_or_is_told()
    {
        await using var engine = await OpenAsync(_folder.Options() with { KeptChanges = 100 });
        await Task.WhenAll(Enumerable.Range(0, 50).Select(n => PutAsync(engine, $"/{n:d2}", "0")));
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            for (var i = 1; !stop.IsCancellationRequested; i++)
            {
                await engine.Store.CommitAsync(new StoreTransaction([.. Enumerable.Range(0, 50)
                    .Select(n => new StoreOperation.Put($"/{n:d2}", Encoding.UTF8.GetBytes($"{i}")))]), Ct);
            }
        });
        var (whole, told) = (0, 0);
        var limit = Environment.TickCount64 + 10_000;
        for (var i = 0; (whole < 500 || told < 500) && Environment.TickCount64 < limit; i++)
        {
            var revision = Math.Max(51, engine.State.Revision - (i % 6));
            try
            {
                var list = await engine.Store.ListAsync("/", revision, Ct);
                Assert.That(list.Items.Select(Text).Distinct().Count(), Is.EqualTo(1), "all fifty are of one revision");
                Assert.That(list.Items, Has.Length.EqualTo(50));
                whole++;
            }
            catch (CalicoException error) when (error.InnerException is CompactedException)
            {
                told++;
            }
        }

        await stop.CancelAsync();
        await writing;
        Assert.That(Math.Min(whole, told), Is.GreaterThanOrEqualTo(500), "both happened, often");
    }

    [Test]
    public async Task A_closed_store_says_so()
    {
        var engine = await OpenAsync();
        var store = engine.Store;
        var watching = ChangesAsync(engine, 1);
        await engine.DisposeAsync();
        var error = await Assert.ThrowsAsync<CalicoException>(() =>
            store.CommitAsync(new StoreTransaction(new StoreOperation.Delete("/a")), Ct));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(await watching.WaitAsync(TimeSpan.FromSeconds(5)), Is.Empty);
    }

    private Task<EmbeddedEngine> OpenAsync(EmbeddedStoreOptions? options = null) =>
        EmbeddedEngine.OpenAsync(options ?? _folder.Options(), _time, NullLogger.Instance, Ct);

    private static async Task<long> PutAsync(EmbeddedEngine engine, string key, string value) =>
        (await engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(key, Encoding.UTF8.GetBytes(value))), Ct)).Revision;

    private static Task<StoreOutcome> DeleteAsync(EmbeddedEngine engine, string key) =>
        engine.Store.CommitAsync(new StoreTransaction(new StoreOperation.Delete(key)), Ct);

    /// <summary>What a watch from a revision hands out at once.</summary>
    private static async Task<List<string>> ChangesAsync(EmbeddedEngine engine, long from)
    {
        await foreach (var batch in engine.Store.WatchAsync("/", from, Ct))
        {
            return [.. batch.Events.Select(e => e.Current is { } now ? $"{e.Key}={Text(now)}" : $"{e.Key} deleted")];
        }

        return [];
    }

    private long Rows(string table)
    {
        using var connection = new SqliteConnection($"Data Source={_folder.File};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT count(*) FROM {table}";
        return (long)command.ExecuteScalar()!;
    }

    private static string Text(KeyValue item) => Encoding.UTF8.GetString(item.Value.Span);
}
