using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>What transactions make of a state, without a file.</summary>
public sealed class WriteBatchTests
{
    [Test]
    public void A_put_counts_versions_and_says_what_was_there()
    {
        var batch = new WriteBatch(new(), new());
        Assert.That(Commit(batch, Put("a", "1")).Results.Single(), Is.EqualTo(OperationResult.Nothing));
        var second = Commit(batch, Put("a", "2"));
        Assert.That((second.Succeeded, second.Revision, second.Results.Single().Count, second.Results.Single().More),
            Is.EqualTo((true, 3, 1, false)));
        Assert.That(second.Results.Single().Versions.Select(Told), Is.EqualTo(new[] { "1 a=1 created 2 changed 2 version 1" }));
        Assert.That(Commit(batch,
            new EngineOperation.Delete(KeyInterval.Single(KeyText.Bytes("a")))).Results.Single().Versions.Select(Told),
            Is.EqualTo(new[] { "2 a=2 created 2 changed 3 version 2" }));
        Commit(batch, Put("a", "3"));
        Assert.That(batch.Changes.Select(Told), Is.EqualTo(new[]
        {
            "1 a=1 created 2 changed 2 version 1", "2 a=2 created 2 changed 3 version 2", "3 a= created 0 changed 4 version 0",
            "4 a=3 created 5 changed 5 version 1",
        }));
        Assert.That(batch.Changes.Select(c => c.Previous is { } previous ? batch.Changes.IndexOf(previous) : -1),
            Is.EqualTo(new[] { -1, 0, 1, 2 }));
        Assert.That((batch.State.Revision, batch.State.LastSequence, batch.Start.Revision, batch.State.Keys.Count),
            Is.EqualTo((5, 4, 1, 1)));
    }

    [Test]
    public void All_operations_of_a_transaction_are_of_one_revision_and_see_those_before_them()
    {
        var batch = new WriteBatch(new(), new());
        var outcome = Commit(batch, Put("a", "1"), Put("b", "1"), new EngineOperation.Range(new(KeyInterval.All)),
            new EngineOperation.Delete(KeyInterval.All));
        Assert.That(outcome.Revision, Is.EqualTo(2));
        Assert.That(outcome.Results[2].Versions.Select(v => KeyText.Text(v.Key)), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(outcome.Results[3].Count, Is.EqualTo(2));
        Assert.That(batch.Changes.Select(c => c.ModRevision), Is.All.EqualTo(2));
        Assert.That(Commit(batch, new EngineOperation.Range(new(KeyInterval.All))).Revision, Is.EqualTo(2), "nothing was changed");
    }

    [Test]
    public void The_branch_is_chosen_by_all_comparisons()
    {
        var batch = new WriteBatch(new(), new());
        Commit(batch, Put("a", "1"));
        var (holds, fails) = (Compare("a", CompareTarget.Version, CompareResult.Equal, 1),
            Compare("a", CompareTarget.Version, CompareResult.Equal, 2));
        Assert.That(batch.Commit(new([holds, fails], [Put("yes", "")], [Put("no", "")])).Succeeded, Is.False);
        Assert.That(batch.Commit(new([holds, holds], [Put("both", "")], [])).Succeeded);
        Assert.That(batch.Changes.Select(c => KeyText.Text(c.Key)), Is.EqualTo(new[] { "a", "no", "both" }));
    }

    [Test]
    public void Value_and_lease_can_be_kept_where_there_are_any()
    {
        var batch = new WriteBatch(new(), new());
        batch.GrantLease(7, 60);
        Commit(batch, new EngineOperation.Put(KeyText.Bytes("a"), KeyText.Bytes("1"), 7));
        Commit(batch, new EngineOperation.Put(KeyText.Bytes("a"), KeyText.Bytes("2"), 0, KeepLease: true));
        Commit(batch, new EngineOperation.Put(KeyText.Bytes("a"), [], 0, KeepValue: true));
        Assert.That(batch.Changes.Select(c => $"{KeyText.Text(c.Value)} {c.Lease}"), Is.EqualTo(new[] { "1 7", "2 7", "2 0" }));
        Commit(batch, new EngineOperation.Delete(KeyInterval.All));
        foreach (var put in new[] { new EngineOperation.Put(KeyText.Bytes("a"), [], 0, KeepValue: true),
            new(KeyText.Bytes("n"), [], 0, KeepLease: true) })
        {
            var problem = Assert.Throws<CalicoException>(() => Commit(batch, put))!;
            Assert.That((problem.Problem, problem.Message), Is.EqualTo((Problem.NotFound,
                $"put {KeyText.Text(put.Key)}: there is no value or lease to keep")));
        }

        var unknown = Assert.Throws<CalicoException>(() => Commit(batch, new EngineOperation.Put(KeyText.Bytes("a"), [], 255)))!;
        Assert.That((unknown.Problem, unknown.Message), Is.EqualTo((Problem.NotFound, "put a: there is no lease ff")));
    }

    [Test]
    public void Leases_end_with_their_keys_at_one_revision_and_once()
    {
        var batch = new WriteBatch(new(), new());
        batch.GrantLease(7, 60);
        batch.GrantLease(8, 90);
        batch.GrantLease(9, 30);
        Assert.That(Assert.Throws<CalicoException>(() => batch.GrantLease(7, 1))!.Message,
            Is.EqualTo("grant lease 7: there is one with this id"));
        Commit(batch, new EngineOperation.Put(KeyText.Bytes("a"), [], 7), new EngineOperation.Put(KeyText.Bytes("b"), [], 8),
            new EngineOperation.Put(KeyText.Bytes("c"), [], 9),
            Put("d", ""));
        Assert.That(batch.EndLeases([7, 8, 100]), Is.EqualTo(2));
        Assert.That(batch.EndLeases([7, 100]), Is.Zero);
        Assert.That(batch.State.Range(KeyInterval.All, batch.State.Revision).Select(v => KeyText.Text(v.Key)),
            Is.EqualTo(new[] { "c", "d" }));
        Assert.That(batch.State.Revision, Is.EqualTo(3));
        Assert.That(batch.State.Leases, Is.EquivalentTo(new[] { KeyValuePair.Create(9L, 30L) }));
        Assert.That(batch.Leases.Select(l => $"{l.Key}:{l.Value}").Order(StringComparer.Ordinal),
            Is.EqualTo(new[] { "7:", "7:60", "8:", "8:90", "9:30" }));
    }

    [Test]
    public void What_throws_takes_back_all_that_it_did_and_nothing_else()
    {
        var batch = new WriteBatch(new(), new());
        Assert.That(batch.IsEmpty);
        Assert.That(batch.Apply(Fill), Is.EqualTo(1));
        var (state, changes, leases, log) = (batch.State, batch.Changes.ToArray(), batch.Leases.ToArray(), batch.Log.ToArray());
        Assert.Throws<CalicoException>(() => batch.Apply(b =>
        {
            b.GrantLease(8, 1);
            Fill(b);
            return 0;
        }));
        Assert.That(batch.State, Is.SameAs(state));
        Assert.That(batch.Changes, Is.EqualTo(changes));
        Assert.That(batch.Leases, Is.EqualTo(leases));
        Assert.That(batch.Log, Is.EqualTo(log));

        static int Fill(WriteBatch batch)
        {
            batch.WriteLog(KeyText.Bytes("kept"), new("kept", [1]));
            Commit(batch, Put("a", "1"));
            batch.GrantLease(7, 60);
            return 1;
        }
    }

    [Test]
    public void A_batch_is_empty_until_a_key_a_lease_or_the_log_changes()
    {
        var (keys, leases, log) = (new WriteBatch(new(), new()), new WriteBatch(new(), new()), new WriteBatch(new(), new()));
        Commit(keys, Put("a", "1"));
        leases.GrantLease(1, 1);
        log.WriteLog(KeyText.Bytes("x"), new("x", [1]));
        Assert.That((keys.IsEmpty, leases.IsEmpty, log.IsEmpty), Is.EqualTo((false, false, false)));
        Assert.That(log.State.Log.Find(KeyText.Bytes("x"))!.Key, Is.EqualTo("x"));
        log.WriteLog(KeyText.Bytes("x"), null);
        Assert.That(log.State.Log.Count, Is.Zero);
        Assert.That(log.Log.Select(l => l.Value?.Key), Is.EqualTo(new[] { "x", null }));
    }

    private static EngineOutcome Commit(WriteBatch batch, params EngineOperation[] operations) => batch.Commit(new([], operations, []));

    private static EngineOperation.Put Put(string key, string value) => new(KeyText.Bytes(key), KeyText.Bytes(value), 0);

    private static EngineCompare Compare(string key, CompareTarget target, CompareResult result, long number) =>
        new(KeyInterval.Single(KeyText.Bytes(key)), target, result, number, default);

    private static string Told(KeyVersion v) =>
        $"{v.Sequence} {KeyText.Text(v.Key)}={KeyText.Text(v.Value)}"
        + $" created {v.CreateRevision} changed {v.ModRevision} version {v.Version}";
}
