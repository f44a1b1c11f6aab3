using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>What is written along with addresses, when the store is told of it later.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class CompanionWritesTests
{
    private const string Key = "/wep/w";

    private readonly IpamCluster _cluster = Create().Pool("10.0.0.0/24", 26).Node("n");
    private readonly InMemoryNodeLog _log = new();

    [Test]
    public async Task No_address_is_free_while_the_store_shows_its_endpoint()
    {
        await using var ipam = Node(_cluster.Outbox(_log));
        var held = await ClaimAsync(ipam, "h", "there");
        _cluster.Store.Faults.Dead = true;
        await ipam.UnbindAsync("cni", Endpoint("w"), held, Removal, default);
        _cluster.Store.Faults.Dead = false;
        var shown = new List<bool>();
        _cluster.Store.Faults.Use((_, transaction) =>
        {
            if (transaction?.Success.OfType<StoreOperation.Put>()
                .Any(p => p.Key.StartsWith("/calico/ipam/v2/assignment/", StringComparison.Ordinal)) == true)
            {
                shown.Add(Stored() is not null);
            }

            return StoreFault.None;
        });

        await ipam.MaintainAsync(default);

        Assert.That(shown, Is.EqualTo(new[] { false }));
        Assert.That(_cluster.Allocations(), Is.Empty);
    }

    [Test]
    public async Task A_transaction_takes_the_place_of_what_waits_for_the_same_key([Values] bool afterARestart)
    {
        var store = new FullFor(_cluster.Store, Key);
        var outbox = _cluster.Outbox(_log, store);
        var ipam = Node(outbox, store, parked: 1);
        await ipam.LoadAsync(default);
        await ipam.MaintainAsync(default);
        _cluster.Store.Faults.Dead = true;
        await ipam.UnbindAsync("cni", Endpoint("finder"), [], new([new StoreOperation.Delete("/wep/finder")], []), default);
        var held = await ClaimAsync(ipam, "h", "late");
        _cluster.Store.Faults.Dead = false;
        await ipam.MaintainAsync(default);
        Assert.That((outbox.Pending(Key) is null, _cluster.Allocations()[held[0].Address.ToString()]), Is.EqualTo((false, "h")),
            "one that cannot be written stops no other");
        if (afterARestart)
        {
            await ipam.DisposeAsync();
            outbox = _cluster.Outbox(_log, store);
            ipam = Node(outbox, store, parked: 1);
            await ipam.LoadAsync(default);
        }

        await ipam.UnbindAsync("cni", Endpoint("w"), held, Removal, default);
        Assert.That((outbox.Pending(Key), _log.List(Outbox.Section).Length), Is.EqualTo(((OutboxEntry?)null, 0)));
        store.IsFull = false;
        await ipam.MaintainAsync(default);
        Assert.That(Stored(), Is.Null);
        await ipam.DisposeAsync();
    }

    [TestCase("mine", null)]
    [TestCase("another's", "another's")]
    public async Task What_an_unanswered_transaction_put_is_deleted_only_as_it_was_put(string stands, string? left)
    {
        await using var ipam = Node(_cluster.Outbox(_log));
        await ipam.ClaimAsync("cni", Claim("warm"), null, null, default);
        _cluster.Store.Faults.OnCommit(1, StoreFault.AnswerLost);
        Assert.That(async () => await ClaimAsync(ipam, "h", "mine"), Throws.TypeOf<CalicoException>());
        Assert.That(Stored(), Is.EqualTo("mine"), "it took");
        _cluster.Store.Set(Key, stands);

        await ipam.MaintainAsync(default);

        Assert.That((Stored(), ipam.JournalLength), Is.EqualTo((left, 0)));
    }

    [Test]
    public async Task A11_what_waits_of_endpoints_keeps_a_log_from_being_adopted_under_another_name()
    {
        await using var ipam = Node(_cluster.Outbox(_log));
        _cluster.Store.Faults.Dead = true;
        var key = Kinds.WorkloadEndpoint.Path(Kinds.WorkloadEndpoint.Key("default", "n-cni-w-eth0"));
        await ipam.UnbindAsync("cni", Endpoint("w"), [], new([new StoreOperation.Delete(key)], []), default);
        Assert.That(_log.List(Outbox.Section).Single().Key, Is.EqualTo(Outbox.Section + key));
        Assert.That(NodeIpam.BoundToName.Any(_log.List(Outbox.Section).Single().Key.StartsWith), Is.True);
    }

    [Test]
    public void A_companion_that_is_no_put_or_deletion_is_refused() =>
        Assert.That(() => new LeaseCompanion([new StoreOperation.DeletePrefix("/")], []), Throws.ArgumentException);

    private static LeaseCompanion Removal => new([new StoreOperation.Delete(Key)], []);

    private static Task<ImmutableArray<AddressLease>> ClaimAsync(NodeIpam ipam, string handle, string text) =>
        ipam.ClaimAsync("cni", Claim(handle), Endpoint("w"),
        _ => new([new StoreOperation.Put(Key, Encoding.UTF8.GetBytes(text))], []), default);

    private NodeIpam Node(Outbox outbox, IKeyValueStore? store = null, int parked = 0) =>
        _cluster.NodeIpam("n", _log, parked, store, o => o with { ProbeInterval = TimeSpan.Zero }, outbox);

    private string? Stored() => _cluster.Store.Snapshot(Key) is [var found] ? Text(found.Value) : null;

    /// <summary>Has no room for one key's value.</summary>
    private sealed class FullFor(IKeyValueStore inner, string key) : ForwardingStore(inner)
    {
        public bool IsFull { get; set; } = true;

        public override Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct) =>
            IsFull && transaction.Success.OfType<StoreOperation.Put>().Any(p => p.Key == key)
                ? throw new CalicoException(Problem.Exhausted, "no room (scripted)")
                : base.CommitAsync(transaction, ct);
    }
}
