using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>How many addresses a handle has in each block, as a change counts them.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HandleCountTests : IAsyncDisposable
{
    private static readonly Cidr First = Cidr.Parse("10.0.0.0/30");
    private static readonly Cidr Second = Cidr.Parse("10.0.0.4/30");
    private static readonly IpamAttribute Attribute = new() { HandleId = "h", Secondary = ImmutableSortedDictionary<string, string>.Empty };

    private readonly InMemoryStore _store = new();
    private readonly IpamCache _cache = new();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Test]
    public async Task A_handle_vanishes_with_its_last_address_and_is_not_counted_below_nothing()
    {
        var change = New();
        await change.CountHandleAsync("h", First, -1, default);
        Assert.That((change.IsEmpty, change.Weight), Is.EqualTo((true, 0)));
        await change.CountHandleAsync("h", First, 2, default);
        await change.CountHandleAsync("h", Second, 1, default);
        await change.CountHandleAsync("h", First, -1, default);
        Assert.That((await change.HandleAsync("h", default))!.Block,
            Is.EquivalentTo(new Dictionary<string, int> { [First.ToString()] = 1, [Second.ToString()] = 1 }));
        Assert.That((change.IsEmpty, change.Weight), Is.EqualTo((false, 1)));
        await change.CountHandleAsync("h", First, -5, default);
        Assert.That((await change.HandleAsync("h", default))!.Block.Keys, Is.EqualTo(new[] { Second.ToString() }));
        await change.CountHandleAsync("h", Second, -1, default);
        Assert.That((await change.HandleAsync("h", default), change.IsEmpty), Is.EqualTo(((IpamHandleValue?)null, true)),
            "nothing was there and nothing is");
    }

    [Test]
    public async Task A_handle_says_what_its_blocks_say_and_forgets_blocks_that_are_not_there()
    {
        _store.Set(IpamKeys.Block(First.ToString()), "{}");
        _store.Set(IpamKeys.Handle("h"), """{"handleID":"h","block":{"10.0.0.0/30":3,"10.0.0.4/30":1,"10.9.0.0/30":1,"nonsense":1}}""");
        var change = New();
        await change.RecountHandleAsync("h", Empty(First).AssignOrdinal(1, Attribute)!, default);
        await change.ForgetBlocksAsync("h", Ip("10.0.0.5"), default);
        await change.ForgetBlocksAsync("h", Ip("10.0.0.1"), default);
        await change.ForgetBlocksAsync("nobody", Ip("10.0.0.1"), default);
        Assert.That((await change.HandleAsync("h", default))!.Block.Select(b => $"{b.Key} {b.Value}"),
            Is.EqualTo(new[] { "10.0.0.0/30 1", "10.9.0.0/30 1", "nonsense 1" }));
        var same = New();
        await same.RecountHandleAsync("h", Enumerable.Range(0, 3).Aggregate(Empty(First), (block, ordinal) =>
            block.AssignOrdinal(ordinal, Attribute)!), default);
        Assert.That(same.Weight, Is.Zero);
        await same.RecountHandleAsync("new", Empty(First).AssignOrdinal(0, Attribute with { HandleId = "new" })!, default);
        Assert.That((await same.HandleAsync("new", default))!.Block.Single().Value, Is.EqualTo(1));
    }

    [Test]
    public async Task A_handle_is_assumed_not_to_exist_unless_it_is_known_to()
    {
        _store.Set(IpamKeys.Handle("h"), """{"handleID":"h","block":{"10.0.0.0/30":3}}""");
        await New().HandleAsync("h", default);
        var change = New();
        change.AssumeNoHandle("h");
        change.AssumeNoHandle("new");
        Assert.That(((await change.HandleAsync("h", default))?.Block.Count, await change.HandleAsync("new", default)),
            Is.EqualTo((1, (IpamHandleValue?)null)));
        Assert.That(_store.Faults.Count(StoreCallKind.Get), Is.EqualTo(1));
    }

    private static AllocationBlock Empty(Cidr cidr) => AllocationBlock.Create(cidr, "host:a", null, 7);

    private IpamChange New() => new(_store, _cache);
}
