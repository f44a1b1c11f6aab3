using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Row B16 of issue 13: a profile that an adapter made goes when no endpoint of any node names it any more.</summary>
[TestFixture]
public sealed class ProfileCollectionTests
{
    private const string Profiles = "/calico/resources/v3/projectcalico.org/profiles/";
    private const string Endpoint = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node2-cni-c1-eth0";
    private const string Name = "kns.web";

    private static readonly ProfileDefaults Open = new(false, ImmutableSortedDictionary<string, string>.Empty) { OpenIngress = true };

    private FakeTimeProvider _time = null!;
    private InMemoryStore _store = null!;

    [SetUp]
    public void Clear() => (_time, _store) = (new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero)), new());

    [Test]
    public async Task B16_an_unused_profile_is_noted_first_and_deleted_a_while_later()
    {
        await (await NodeAsync()).EnsureAsync(Name, Open, CancellationToken.None);
        Assert.That(await RoundAsync(), Is.Zero);
        Assert.That(Stored(), Does.Contain("net.calico/unused-since"));
        Assert.That(await (await NodeAsync()).CollectAsync(CancellationToken.None), Is.Zero, "no look before its turn");
        _store.Remove("/calico/net/v1/profiles-looked-at");
        Assert.That(await RoundAsync(), Is.Zero, "a look too soon");
        _time.Advance(HostProfiles.Grace);
        Assert.That(await RoundAsync(), Is.EqualTo(1));
        Assert.That(_store.Snapshot(Profiles), Is.Empty);
    }

    [TestCase("""{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"x"},"spec":{"node":"node2","profiles":["kns.web"]}}""", TestName = "B16_a_profile_that_another_nodes_endpoint_names_stays")]
    [TestCase("""{"spec":{"profiles":["kns.web"]""", TestName = "B16_a_profile_that_an_unreadable_endpoint_names_stays")]
    public async Task Used(string endpoint)
    {
        await (await NodeAsync()).EnsureAsync(Name, Open, CancellationToken.None);
        _store.Set(Endpoint, endpoint);
        await RoundsAsync(3);
        Assert.That(Stored(), Does.Not.Contain("unused-since"));
        await (await NodeAsync()).RemoveAsync(Name, CancellationToken.None);
        Assert.That(_store.Snapshot(Profiles + Name), Has.Length.EqualTo(1), "a removal that is asked for spares it too");
        _store.Remove(Endpoint);
        await RoundsAsync(2);
        Assert.That(_store.Snapshot(Profiles), Is.Empty);
    }

    [Test]
    public async Task B16_an_edited_profile_and_a_persons_are_never_collected([Values] bool afterTheNote)
    {
        await (await NodeAsync()).EnsureAsync(Name, Open, CancellationToken.None);
        if (afterTheNote)
        {
            await RoundAsync();
        }

        _store.Set(Profiles + Name, Stored().Replace("\"Allow\"", "\"Deny\"", StringComparison.Ordinal));
        _store.Set(Profiles + "mine", """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"mine"},"spec":{}}""");
        _store.Set(Profiles + "junk", "net.calico/made-by");
        await RoundsAsync(3);
        Assert.That(_store.Snapshot(Profiles), Has.Length.EqualTo(3));
    }

    [Test]
    public async Task B16_an_add_on_another_node_takes_the_note_away_and_the_deletion_fails([Values] bool itHasEnsuredBefore)
    {
        var view = await SeeAsync();
        var other = Make(view, new(), new());
        await (itHasEnsuredBefore ? other : await NodeAsync()).EnsureAsync(Name, Open, CancellationToken.None);
        await RoundAsync();
        _time.Advance(HostProfiles.Grace);
        view.Accept(await BatchAsync());
        // Between the look and the deletion: the endpoint is not in the store yet.
        var looked = false;
        _store.Faults.Use((kind, transaction) =>
        {
            if (!looked && kind == StoreCallKind.Commit && transaction!.Success.Any(o => o is Calico.Datastore.Store.StoreOperation.Delete))
            {
                looked = true;
                other.EnsureAsync(Name, Open, CancellationToken.None).GetAwaiter().GetResult();
            }

            return StoreFault.None;
        });
        Assert.That(await RoundAsync(), Is.Zero);
        Assert.That(looked, Is.True);
        Assert.That(Stored(), Does.Not.Contain("unused-since"));
    }

    [Test]
    public async Task B16_an_add_whose_view_is_old_makes_sure_of_its_profile_and_a_late_endpoint_restores_it()
    {
        var view = await SeeAsync();
        var (log, book) = (new InMemoryNodeLog(), new EndpointBook());
        var other = Make(view, log, book);
        await other.EnsureAsync(Name, Open, CancellationToken.None);
        view.Accept(await BatchAsync());
        await RoundAsync();
        _time.Advance(HostProfiles.Grace);
        await RoundAsync();
        Assert.That(_store.Snapshot(Profiles), Is.Empty);

        _store.Faults.Dead = true;
        await other.EnsureAsync(Name, Open, CancellationToken.None);
        Assert.That(log.List(Outbox.Section), Has.Length.EqualTo(1), "what its view shows may be gone by now");
        _store.Faults.Dead = false;
        await other.ReplayAsync(CancellationToken.None);
        Assert.That(_store.Snapshot(Profiles), Has.Length.EqualTo(1));

        _store.Remove(Profiles + Name);
        book.Add(new(new EndpointRecord { Orchestrator = "cni", Workload = "c", Endpoint = "eth0", Instance = "c", Adapter = "cni",
            HostInterface = "cali1", Mac = "02:00:00:00:00:01", Profiles = [Name] }, EndpointState.Prepared));
        await other.RestoreAsync(CancellationToken.None);
        Assert.That(_store.Snapshot(Profiles), Has.Length.EqualTo(1));
    }

    private async Task RoundsAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            await RoundAsync();
            _time.Advance(HostProfiles.Grace);
        }
    }

    private async Task<int> RoundAsync() => await (await NodeAsync()).CollectAsync(CancellationToken.None);

    /// <summary>A node that has just read the store.</summary>
    private async Task<HostProfiles> NodeAsync() => Make(await SeeAsync(), new(), new());

    private HostProfiles Make(DatastoreView view, InMemoryNodeLog log, EndpointBook book) =>
        new(new(log, _store, _time, NullLogger<Outbox>.Instance), _store, new(view, _ => { }), book, TimeSpan.FromMinutes(1), _time,
            NullLogger<HostProfiles>.Instance);

    private async Task<DatastoreView> SeeAsync()
    {
        var view = new DatastoreView("node1", _time);
        view.Accept(await BatchAsync());
        return view;
    }

    private async Task<SyncBatch> BatchAsync()
    {
        var updates = ImmutableArray.CreateBuilder<SyncUpdate>();
        await foreach (var batch in new Syncer(_store, ResourceKinds.All, Syncer.DefaultPrefixes, _time, NullLogger.Instance)
            .RunAsync(CancellationToken.None))
        {
            updates.AddRange(batch.Updates);
            if (batch.Status == SyncStatus.InSync)
            {
                return batch with { Updates = updates.ToImmutable() };
            }
        }

        throw new InvalidOperationException("sync ended");
    }

    private string Stored() => Encoding.UTF8.GetString(_store.Snapshot(Profiles + Name).Single().Value.Span);
}
