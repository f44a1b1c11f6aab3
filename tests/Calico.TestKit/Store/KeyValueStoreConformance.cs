using System.Text;
using Calico.Datastore.Store;
using NUnit.Framework;

namespace Calico.TestKit.Store;

/// <summary>What every <see cref="IKeyValueStore"/> does. Derive, open yours, run.</summary>
/// <remarks>Each test has a prefix of its own, so one store may serve all of them, and others beside. Times are real: a store may be at the
/// other end of a socket.</remarks>
public abstract partial class KeyValueStoreConformance
{
    /// <summary>The store, opened once by the fixture that derives.</summary>
    protected abstract IKeyValueStore Store { get; }

    /// <summary>Compacts the store by whatever means it has; it must take effect before the task ends.</summary>
    protected abstract Task CompactAsync(long revision, CancellationToken ct);

    /// <summary>Prefix of this test's keys.</summary>
    protected string Prefix { get; private set; } = "";

    /// <summary>Ends a test that hangs.</summary>
    protected CancellationToken Ct { get; private set; }

    [SetUp]
    public void StartTest()
    {
        Prefix = $"/conformance/{Guid.NewGuid():N}/";
        Ct = new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;
    }

    [Test]
    public async Task A_missing_key_is_null_and_an_empty_prefix_an_empty_list()
    {
        Assert.That(await Store.GetAsync(Prefix + "a", 0, Ct), Is.Null);
        var list = await Store.ListAsync(Prefix, 0, Ct);
        Assert.Multiple(() =>
        {
            Assert.That(list.Items, Is.Empty);
            Assert.That(list.Revision, Is.GreaterThan(0));
        });
    }

    [Test]
    public async Task A_key_has_its_revisions_and_counts_its_versions()
    {
        var first = await PutAsync("a", "1");
        var second = await PutAsync("a", "2");
        Assert.That(second, Is.EqualTo(first + 1));
        Assert.That(Show(await Store.GetAsync(Prefix + "a", 0, Ct)), Is.EqualTo($"a=2 created {first} changed {second} version 2 lease 0"));

        await DeleteAsync("a");
        var third = await PutAsync("a", "3");
        Assert.That(Show(await Store.GetAsync(Prefix + "a", 0, Ct)), Is.EqualTo($"a=3 created {third} changed {third} version 1 lease 0"));
    }

    [Test]
    public async Task An_empty_value_is_a_value()
    {
        var revision = await PutAsync("a", "");
        Assert.That(Show(await Store.GetAsync(Prefix + "a", 0, Ct)),
            Is.EqualTo($"a= created {revision} changed {revision} version 1 lease 0"));
    }

    [Test]
    public async Task A_list_is_in_byte_order_and_keeps_to_its_prefix()
    {
        // U+FF5E sorts below U+1F600 by bytes and above it by UTF-16.
        foreach (var key in (string[])["b", "a/x", "a", "a\uff5e", "a\U0001F600", "B"])
        {
            await PutAsync(key, key);
        }

        Assert.That(Keys(await Store.ListAsync(Prefix, 0, Ct)), Is.EqualTo(["B", "a", "a/x", "a\uff5e", "a\U0001F600", "b"]));
        Assert.That(Keys(await Store.ListAsync(Prefix + "a", 0, Ct)), Is.EqualTo(["a", "a/x", "a\uff5e", "a\U0001F600"]));
    }

    [Test]
    public async Task A_list_in_portions_is_the_list_whatever_is_written_meanwhile()
    {
        await using (var none = Store.PagesAsync(Prefix, 0, Ct).GetAsyncEnumerator(Ct))
        {
            Assert.That(await none.MoveNextAsync(), "one portion also where there is nothing");
            Assert.That(none.Current.Items, Is.Empty);
            Assert.That(none.Current.Revision, Is.GreaterThan(0));
        }

        for (var i = 0; i < 1200; i += 100)
        {
            await Store.CommitAsync(new StoreTransaction(
                [.. Enumerable.Range(i, 100).Select(n => new StoreOperation.Put($"{Prefix}{n:0000}", "1"u8.ToArray()))]), Ct);
        }

        var whole = await Store.ListAsync(Prefix, 0, Ct);
        var keys = new List<string>();
        await foreach (var page in Store.PagesAsync(Prefix, 0, Ct))
        {
            keys.AddRange(Keys(page));
            Assert.That(page.Revision, Is.EqualTo(whole.Revision));
            await PutAsync("9999", "later");
            await DeleteAsync("1199");
        }

        Assert.That(keys, Is.EqualTo(Keys(whole)));
    }

    [Test]
    public async Task A_list_of_many_pages_is_of_one_revision()
    {
        for (var i = 0; i < 1300; i += 100)
        {
            var from = i;
            await Store.CommitAsync(new StoreTransaction([.. Enumerable.Range(from, 100)
                .Select(n => new StoreOperation.Put($"{Prefix}{n:d5}", Bytes("x")))]), Ct);
        }

        var listing = Store.ListAsync(Prefix, 0, Ct);
        var revision = await PutAsync("00000", "later");
        var list = await listing;
        Assert.Multiple(() =>
        {
            Assert.That(list.Items, Has.Length.EqualTo(1300));
            Assert.That(list.Items.All(i => i.ModRevision <= list.Revision), "nothing is newer than the list");
            Assert.That(Text(list.Items[0]), Is.EqualTo(list.Revision >= revision ? "later" : "x"));
        });
    }

    [Test]
    public async Task Old_revisions_can_be_read()
    {
        var first = await PutAsync("a", "1");
        var second = await PutAsync("b", "1");
        await PutAsync("a", "2");
        await DeleteAsync("b");
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(Text(await Store.GetAsync(Prefix + "a", first, Ct)), Is.EqualTo("1"));
            Assert.That(await Store.GetAsync(Prefix + "b", first, Ct), Is.Null);
            var list = await Store.ListAsync(Prefix, second, Ct);
            Assert.That(list.Items.Select(Text), Is.EqualTo(["1", "1"]));
            Assert.That(list.Revision, Is.EqualTo(second));
        });
    }

    [Test]
    public async Task A_future_revision_is_invalid()
    {
        var revision = await PutAsync("a", "1");
        Assert.That((await FailureAsync(Store.GetAsync(Prefix + "a", revision + 1_000_000, Ct))).Problem, Is.EqualTo(Problem.Invalid));
    }

    [Test]
    public async Task Compare_and_swap_lets_exactly_one_win()
    {
        var revision = await PutAsync("a", "0");
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => Store.CommitAsync(new StoreTransaction(
            [StoreCompare.At(Prefix + "a", revision)],
            [new StoreOperation.Put(Prefix + "a", Bytes($"{n}"))],
            [new StoreOperation.Get(Prefix + "a")]), Ct)));
        Assert.That(outcomes.Count(o => o.Succeeded), Is.EqualTo(1));
        var winner = Array.FindIndex(outcomes, o => o.Succeeded);
        Assert.Multiple(() =>
        {
            Assert.That(outcomes[winner].Revision, Is.EqualTo(revision + 1));
            Assert.That(outcomes.Where(o => !o.Succeeded).Select(o => Text(o.Results[0][0])), Is.All.EqualTo($"{winner}"));
        });
    }

    [TestCase(CompareTarget.Version, CompareResult.Equal, 2, true)]
    [TestCase(CompareTarget.Version, CompareResult.Greater, 1, true)]
    [TestCase(CompareTarget.Version, CompareResult.Greater, 2, false)]
    [TestCase(CompareTarget.Version, CompareResult.Less, 3, true)]
    [TestCase(CompareTarget.Version, CompareResult.Less, 2, false)]
    [TestCase(CompareTarget.Version, CompareResult.NotEqual, 1, true)]
    [TestCase(CompareTarget.Version, CompareResult.NotEqual, 2, false)]
    [TestCase(CompareTarget.Lease, CompareResult.Equal, 0, true)]
    [TestCase(CompareTarget.CreateRevision, CompareResult.Less, 1, false)]
    [TestCase(CompareTarget.ModRevision, CompareResult.Greater, 1, true)]
    public async Task Numbers_are_compared(CompareTarget target, CompareResult result, long number, bool holds)
    {
        await PutAsync("a", "1");
        await PutAsync("a", "2");
        Assert.That(await HoldsAsync(new StoreCompare(Prefix + "a", target, result, number)), Is.EqualTo(holds));
    }

    [TestCase(CompareResult.Equal, "m", true)]
    [TestCase(CompareResult.Equal, "n", false)]
    [TestCase(CompareResult.NotEqual, "n", true)]
    [TestCase(CompareResult.Greater, "l", true)]
    [TestCase(CompareResult.Less, "l", false)]
    public async Task Values_are_compared_and_a_missing_one_never_matches(CompareResult result, string value, bool holds)
    {
        await PutAsync("a", "m");
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(await HoldsAsync(new StoreCompare(Prefix + "a", CompareTarget.Value, result, 0, Bytes(value))), Is.EqualTo(holds));
            Assert.That(await HoldsAsync(new StoreCompare(Prefix + "none", CompareTarget.Value, result, 0, Bytes(value))), Is.False);
        });
    }

    [Test]
    public async Task A_missing_key_has_version_and_revisions_zero()
    {
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(await HoldsAsync(StoreCompare.Absent(Prefix + "a")), Is.True);
            Assert.That(await HoldsAsync(StoreCompare.At(Prefix + "a", 0)), Is.True);
            Assert.That(await HoldsAsync(new StoreCompare(Prefix + "a", CompareTarget.CreateRevision, CompareResult.Equal, 0)), Is.True);
            Assert.That(await HoldsAsync(new StoreCompare(Prefix + "a", CompareTarget.Lease, CompareResult.Equal, 0)), Is.True);
        });
    }

    [Test]
    public async Task A_transaction_is_one_revision_and_returns_one_result_per_operation()
    {
        await PutAsync("gone", "g");
        await PutAsync("many/1", "m1");
        await PutAsync("many/2", "m2");
        var before = await PutAsync("read", "r");
        var outcome = await Store.CommitAsync(new StoreTransaction(
            new StoreOperation.Put(Prefix + "new", Bytes("n")),
            new StoreOperation.Delete(Prefix + "gone"),
            new StoreOperation.DeletePrefix(Prefix + "many/"),
            new StoreOperation.Delete(Prefix + "never"),
            new StoreOperation.Get(Prefix + "read"),
            new StoreOperation.Get(Prefix + "new")), Ct);
        Assert.Multiple(() =>
        {
            Assert.That(outcome.Succeeded);
            Assert.That(outcome.Revision, Is.EqualTo(before + 1));
            Assert.That(outcome.Results.Select(r => string.Join(",", r.Select(Text))), Is.EqualTo(["", "g", "m1,m2", "", "r", "n"]));
        });
        Assert.That(Keys(await Store.ListAsync(Prefix, 0, Ct)), Is.EqualTo(["new", "read"]));
    }

    [Test]
    public async Task What_changes_nothing_makes_no_revision()
    {
        var before = await PutAsync("a", "1");
        var deleted = await Store.CommitAsync(new StoreTransaction(new StoreOperation.Delete(Prefix + "none")), Ct);
        var read = await Store.CommitAsync(new StoreTransaction(new StoreOperation.Get(Prefix + "a")), Ct);
        Assert.That((deleted.Revision, read.Revision), Is.EqualTo((before, before)));
    }

    [Test]
    public async Task A_key_cannot_be_changed_twice_in_a_transaction()
    {
        var before = await PutAsync("a", "1");
        var twice = await FailureAsync(Store.CommitAsync(new StoreTransaction(
            new StoreOperation.Put(Prefix + "a", Bytes("2")), new StoreOperation.Put(Prefix + "a", Bytes("3"))), Ct));
        var both = await FailureAsync(Store.CommitAsync(new StoreTransaction(
            new StoreOperation.Put(Prefix + "a", Bytes("2")), new StoreOperation.DeletePrefix(Prefix)), Ct));
        await Assert.MultipleAsync(async () =>
        {
            Assert.That((twice.Problem, both.Problem), Is.EqualTo((Problem.Invalid, Problem.Invalid)));
            Assert.That((await Store.GetAsync(Prefix + "a", 0, Ct))!.ModRevision, Is.EqualTo(before));
        });
    }

    [Test]
    public async Task Too_many_operations_and_empty_keys_are_invalid()
    {
        var many = await FailureAsync(Store.CommitAsync(new StoreTransaction([.. Enumerable.Range(0, 129)
            .Select(n => new StoreOperation.Put($"{Prefix}{n}", Bytes("x")))]), Ct));
        var empty = await FailureAsync(Store.CommitAsync(new StoreTransaction(new StoreOperation.Put("", Bytes("x"))), Ct));
        Assert.That((many.Problem, empty.Problem), Is.EqualTo((Problem.Invalid, Problem.Invalid)));
    }

    [Test]
    public async Task A_lease_ends_with_its_keys()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(60), Ct);
        await PutAsync("kept", "k");
        await Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(Prefix + "leased", Bytes("l"), lease)), Ct);
        Assert.That((await Store.GetAsync(Prefix + "leased", 0, Ct))!.Lease, Is.EqualTo(lease));
        Assert.That(await Store.KeepAliveAsync(lease, Ct), Is.True);

        await Store.RevokeLeaseAsync(lease, Ct);
        await Store.RevokeLeaseAsync(lease, Ct);
        await Assert.MultipleAsync(async () =>
        {
            Assert.That(Keys(await Store.ListAsync(Prefix, 0, Ct)), Is.EqualTo(["kept"]));
            Assert.That(await Store.KeepAliveAsync(lease, Ct), Is.False);
        });
    }

    [Test]
    public async Task A_put_without_the_lease_takes_the_key_out_of_it()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(60), Ct);
        await Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(Prefix + "a", Bytes("1"), lease)), Ct);
        await PutAsync("a", "2");
        await Store.RevokeLeaseAsync(lease, Ct);
        Assert.That(Text(await Store.GetAsync(Prefix + "a", 0, Ct)), Is.EqualTo("2"));
    }

    [Test]
    public async Task A_put_with_an_unknown_lease_fails()
    {
        var error = await FailureAsync(Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(Prefix + "a", Bytes("1"), 4711)), Ct));
        Assert.That(error.Problem, Is.EqualTo(Problem.NotFound));
    }

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

    private async Task<long> PutAsync(string key, string value) =>
        (await Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(Prefix + key, Bytes(value))), Ct)).Revision;

    private async Task<long> DeleteAsync(string key) =>
        (await Store.CommitAsync(new StoreTransaction(new StoreOperation.Delete(Prefix + key)), Ct)).Revision;

    private async Task<bool> HoldsAsync(StoreCompare compare) =>
        (await Store.CommitAsync(new StoreTransaction([compare], [], []), Ct)).Succeeded;

    private static async Task<CalicoException> FailureAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (CalicoException error)
        {
            return error;
        }

        throw new AssertionException("it did not fail");
    }

    private string Show(KeyValue? item) => item is null ? "none"
        : $"{item.Key[Prefix.Length..]}={Text(item)} created {item.CreateRevision} changed {item.ModRevision} version {item.Version} lease {item.Lease}";

    private IEnumerable<string> Keys(KeyRange list) => list.Items.Select(i => i.Key[Prefix.Length..]);

    private static string Text(KeyValue? item) => item is null ? "none" : Encoding.UTF8.GetString(item.Value.Span);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
