using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>What one attempt reads, from where, and the transaction that it becomes.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IpamChangeTests : IAsyncDisposable
{
    private static readonly Cidr First = Cidr.Parse("10.0.0.0/30");
    private static readonly Cidr Second = Cidr.Parse("10.0.0.4/30");
    private static readonly AffinityOwner Owner = new("a");
    private static readonly IpamAttribute Attribute = new() { HandleId = "h", Secondary = ImmutableSortedDictionary<string, string>.Empty };

    private readonly InMemoryStore _store = new();
    private readonly IpamCache _cache = new();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Test]
    public async Task A_key_is_read_once_and_then_known_to_this_and_to_later_changes()
    {
        Store(First);
        var change = New();
        Assert.That((await change.BlockAsync(First, default))!.Cidr, Is.EqualTo(First));
        Assert.That((await change.UsableBlockAsync(First, default))!.Cidr, Is.EqualTo(First));
        Assert.That(await change.ExistsAsync(First, default));
        Assert.That((_store.Faults.Count(StoreCallKind.Get), change.UsedCache), Is.EqualTo((1, false)));
        var later = New();
        Assert.That(await later.BlockAsync(First, default), Is.Not.Null);
        Assert.That((_store.Faults.Count(StoreCallKind.Get), later.UsedCache), Is.EqualTo((1, true)));
        Assert.That(await later.BlockAsync(Second, default), Is.Null);
        Assert.That((await later.ExistsAsync(Second, default), await later.DamageAsync(Second, default)),
            Is.EqualTo((false, (string?)null)));
    }

    [Test]
    public async Task Keys_are_preloaded_in_one_question_as_far_as_they_are_not_known()
    {
        Store(First);
        var change = New();
        var keys = Enumerable.Range(0, 101).Select(n => IpamKeys.Handle($"h{n}")).Append(IpamKeys.Block(First.ToString())).ToArray();
        await change.PreloadAsync([.. keys, .. keys], default);
        Assert.That(_store.Faults.Count(StoreCallKind.Commit), Is.EqualTo(2), "a hundred at a time");
        await change.PreloadAsync(keys, default);
        await New().PreloadAsync(keys, default);
        Assert.That((await change.BlockAsync(First, default), await change.HandleAsync("h7", default)),
            Is.EqualTo((await New().BlockAsync(First, default), (IpamHandleValue?)null)));
        Assert.That((_store.Faults.Count(StoreCallKind.Commit), _store.Faults.Count(StoreCallKind.Get)), Is.EqualTo((2, 0)));
        Assert.That(change.UsedCache, Is.False);
    }

    [Test]
    public async Task What_is_damaged_is_told_or_is_none_as_the_caller_asks()
    {
        _store.Set(IpamKeys.Block(First.ToString()), "nonsense");
        _store.Set(Owner.Key(First), "nonsense");
        _store.Set(IpamKeys.Handle("h"), "nonsense");
        var change = New();
        var error = await Assert.ThrowsAsync<CalicoException>(() => change.BlockAsync(First, default));
        Assert.That((error!.Problem, error.Message), Is.EqualTo((Problem.Damaged,
            $"{IpamKeys.Block(First.ToString())} cannot be read: {await change.DamageAsync(First, default)}")));
        Assert.That((await change.UsableBlockAsync(First, default), await change.ExistsAsync(First, default)),
            Is.EqualTo(((AllocationBlock?)null, true)));
        Assert.That((await change.AffinityAsync(Owner, First, default))!.State, Is.EqualTo(IpamAffinityValue.Pending));
        Assert.That(await change.HandleAsync("h", default), Is.Null);
        await change.CountHandleAsync("h", First, -1, default);
        await change.PutAffinityAsync(Owner, First, IpamAffinityValue.Confirmed, default);
        change.Put(Empty(First));
        Assert.That((await change.AffinityAsync(Owner, First, default))!.IsConfirmed);
        Assert.That((await change.DamageAsync(First, default), (await change.UsableBlockAsync(First, default))?.Cidr),
            Is.EqualTo(((string?)null, First)));
        Assert.That(await CommitAsync(change), Is.True);
        Assert.That(_store.Snapshot(IpamKeys.Handles), Is.Empty, "one that cannot be read is deleted rather than counted down");
        Assert.That(IpamCluster.Text(_store.Snapshot(Owner.Keys(4)).Single().Value), Does.Contain("confirmed"));
    }

    [Test]
    public async Task A_list_is_what_the_store_has_and_what_is_staged()
    {
        Store(First);
        _store.Set(Owner.Key(First), "{}");
        _store.Set(Owner.Key(First) + "-nonsense", "{}");
        var change = New();
        Assert.That(await change.AffineBlocksAsync(Owner, 4, default), Is.EqualTo(new[] { First }));
        await change.PutAffinityAsync(Owner, Second, IpamAffinityValue.Confirmed, default);
        await change.DeleteAffinityAsync(Owner, First, default);
        change.Put(Empty(Second));
        Assert.That(await change.AffineBlocksAsync(Owner, 4, default), Is.EqualTo(new[] { Second }));
        Assert.That(await change.AllBlocksAsync(4, default), Is.EqualTo(new[] { First, Second }));
        change.DeleteBlock(First);
        Assert.That(await change.AllBlocksAsync(4, default), Is.EqualTo(new[] { Second }));
        Assert.That((await change.AllBlocksAsync(6, default)).IsEmpty && (await change.AffineBlocksAsync(Owner, 6, default)).IsEmpty);
        Assert.That((await change.ExistsAsync(First, default), await change.ExistsAsync(Second, default)), Is.EqualTo((false, true)));
    }

    [Test]
    public async Task Affinities_are_listed_from_memory_and_blocks_anew_in_each_change()
    {
        Store(First);
        _store.Set(Owner.Key(First), "{}");
        await New().AffineBlocksAsync(Owner, 4, default);
        await New().AllBlocksAsync(4, default);
        Store(Second);
        _store.Remove(IpamKeys.Block(First.ToString()));
        _store.Set(Owner.Key(Second), "{}");
        var change = New();
        Assert.That(await change.AffineBlocksAsync(Owner, 4, default), Is.EqualTo(new[] { First }));
        Assert.That(change.UsedCache);
        Assert.That(await change.AllBlocksAsync(4, default), Is.EqualTo(new[] { Second }));
        var lists = _store.Faults.Count(StoreCallKind.List);
        await change.AllBlocksAsync(4, default);
        Assert.That(_store.Faults.Count(StoreCallKind.List), Is.EqualTo(lists), "once a change");
        Assert.That(await New().BlockAsync(First, default), Is.Null, "the list said that it is gone");
    }

    [Test]
    public async Task The_transaction_compares_what_it_changes_and_guards_and_reads_it_where_it_fails()
    {
        Store(First);
        var change = New();
        var block = (await change.BlockAsync(First, default))!;
        await change.GuardAsync(IpamKeys.Handle("guard"), default);
        change.Put(block);
        Assert.That(change.IsEmpty, "as it was read");
        change.Put(block.AssignOrdinal(2, Attribute)!);
        change.DeleteHandle("none");
        var checkpoint = change.Checkpoint;
        change.DeleteBlock(Second);
        change.Put(Empty(Second));
        change.Rollback(checkpoint);
        var transaction = change.Build([new StoreOperation.Put("/companion", new byte[] { 1 })]);
        var key = IpamKeys.Block(First.ToString());
        Assert.That(transaction.Compares, Is.EqualTo(new[] { StoreCompare.At(key, _store.Revision),
            StoreCompare.At(IpamKeys.Handle("guard"), 0) }));
        Assert.That(transaction.Success.Select(o => o is StoreOperation.Put put ? put.Key : o.ToString()),
            Is.EqualTo(new[] { key, "/companion" }));
        Assert.That(transaction.Failure, Is.EqualTo(new[] { new StoreOperation.Get(key),
            new StoreOperation.Get(IpamKeys.Handle("guard")) }));

        change.Settle(transaction, await _store.CommitAsync(transaction, default));
        var later = New();
        var known = (await later.BlockAsync(First, default))!;
        Assert.That((known.AttributeOf(2)?.HandleId, known.ToSpec().SequenceNumber, later.UsedCache), Is.EqualTo(("h", 8UL, true)));
        later.Put(known.AssignOrdinal(3, Attribute)!);
        Assert.That(await CommitAsync(later), Is.True, "memory knows the revision that was written");
    }

    [Test]
    public async Task A_transaction_that_lost_corrects_memory_and_says_what_is_gone()
    {
        Store(First);
        Store(Second);
        var change = New();
        change.Put((await change.BlockAsync(First, default))!.AssignOrdinal(0, Attribute)!);
        change.Put((await change.BlockAsync(Second, default))!.AssignOrdinal(0, Attribute)!);
        await change.CountHandleAsync("h", First, 1, default);
        _store.Remove(IpamKeys.Block(First.ToString()));
        Store(Second, sequence: 99);
        Assert.That(await CommitAsync(change), Is.False);
        Assert.That(change.Vanished, Is.EqualTo(new[] { IpamKeys.Block(First.ToString()) }), "the handle never was there");
        var again = New();
        Assert.That(await again.BlockAsync(First, default), Is.Null);
        Assert.That((await again.BlockAsync(Second, default))!.ToSpec().SequenceNumber, Is.EqualTo(99));
        Assert.That(_store.Faults.Count(StoreCallKind.Get), Is.EqualTo(3), "from memory");
    }

    [Test]
    public async Task A_deletion_is_remembered_and_what_is_doubtful_is_forgotten()
    {
        Store(First);
        var change = New();
        Assert.That(await change.ExistsAsync(First, default));
        change.DeleteBlock(First);
        Assert.That((change.IsEmpty, await change.ExistsAsync(First, default), await change.BlockAsync(First, default)),
            Is.EqualTo((false, false, (AllocationBlock?)null)));
        Assert.That(await CommitAsync(change), Is.True);
        var gets = _store.Faults.Count(StoreCallKind.Get);
        Assert.That(await New().ExistsAsync(First, default), Is.False);
        Assert.That(_store.Faults.Count(StoreCallKind.Get), Is.EqualTo(gets));
        change.Distrust();
        Store(First);
        Assert.That(await New().ExistsAsync(First, default));
    }

    [Test]
    public async Task Blocks_around_an_address_are_told_widest_first()
    {
        foreach (var cidr in new[] { "10.0.0.0/30", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.1/32", "10.0.0.0/15" })
        {
            _store.Set(IpamKeys.Block(cidr), "{}");
        }

        Assert.That((await New().BlocksAroundAsync(Ip("10.0.0.1"), default)).Select(b => b.ToString()),
            Is.EqualTo(new[] { "10.0.0.0/16", "10.0.0.0/24", "10.0.0.0/30", "10.0.0.1/32" }));
        Assert.That(_store.Faults.Count(StoreCallKind.Get), Is.Zero, "one question");
    }

    private static AllocationBlock Empty(Cidr cidr) => AllocationBlock.Create(cidr, Owner.Text, null, 7);

    private IpamChange New() => new(_store, _cache);

    private void Store(Cidr cidr, ulong sequence = 7) => _store.Set(IpamKeys.Block(cidr.ToString()),
        Encoding.UTF8.GetString(ResourceJson.Write(AllocationBlock.Create(cidr, Owner.Text, null, sequence).ToSpec())));

    private async Task<bool> CommitAsync(IpamChange change)
    {
        var transaction = change.Build([]);
        var outcome = await _store.CommitAsync(transaction, default);
        change.Settle(transaction, outcome);
        return outcome.Succeeded;
    }
}
