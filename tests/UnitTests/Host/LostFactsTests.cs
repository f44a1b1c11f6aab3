using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Calico.Host.Node;
using Calico.Ipam;
using Calico.TestKit.Store;
using Calico.TestKit.Workloads;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>The store's loss of a node's facts is not the loss of the facts.</summary>
[TestFixture, Parallelizable]
public sealed class LostFactsTests
{
    private const string Nodes = "/calico/resources/v3/projectcalico.org/nodes/";
    private const string Endpoints = "/calico/resources/v3/projectcalico.org/workloadendpoints/";

    public enum Fact
    {
        Node,
        Endpoints,
        Blocks,
        Affinities,
        Handles,
        Marker,
        Deleted,
        Everything,
    }

    public enum Step
    {
        Idle,
        BeforeAnAdd,
        BeforeADel,
        HostDown,
        StoreAway,
    }

    [Test]
    public async Task A10_a_node_whose_host_runs_is_not_deleted_unless_that_is_forced()
    {
        var time = new FakeTimeProvider();
        var store = new InMemoryStore(time);
        var client = new ResourceClient(store, time);
        store.Set(Nodes + "n", """{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n"},"spec":{}}""");
        await new HostHeartbeat(store, "n", "machine1", time, NullLogger<HostHeartbeat>.Instance).BeatAsync(default);

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => client.DeleteAsync(Kinds.Node.Key("n"), null, default)))!;

        Assert.That(problem.Problem, Is.EqualTo(Problem.Conflict));
        Assert.That(problem.Message, Does.Contain("node n").And.Contain("host runs").And.Contain("--force"));
        Assert.That(store.Snapshot(Nodes), Has.Length.EqualTo(1));
        await client.DeleteAsync(Kinds.Node.Key("n"), null, force: true, default);
        Assert.That(store.Snapshot(Nodes), Is.Empty);
    }

    [Test]
    public async Task A10_a_node_whose_host_was_killed_can_be_deleted_when_its_lease_has_ended()
    {
        var time = new FakeTimeProvider();
        var store = new InMemoryStore(time);
        store.Set(Nodes + "n", """{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n"},"spec":{}}""");
        await new HostHeartbeat(store, "n", "machine1", time, NullLogger<HostHeartbeat>.Instance).BeatAsync(default);
        time.Advance(NodeHeartbeat.TimeToLive + TimeSpan.FromSeconds(1));

        await new ResourceClient(store, time).DeleteAsync(Kinds.Node.Key("n"), null, default);

        Assert.That(store.Snapshot(Nodes), Is.Empty);
    }

    [Test]
    public async Task A10_a_heartbeat_that_somebody_deleted_is_there_again_at_the_next_beat()
    {
        var store = new InMemoryStore();
        var heartbeat = new HostHeartbeat(store, "n", "machine1", TimeProvider.System, NullLogger<HostHeartbeat>.Instance);
        await heartbeat.BeatAsync(default);
        store.Remove(NodeHeartbeat.Key("n"));

        await heartbeat.BeatAsync(default);

        Assert.That(store.Snapshot(NodeHeartbeat.Key("n")), Has.Length.EqualTo(1));
    }

    [Test, Combinatorial]
    public async Task A10_what_the_store_loses_of_a_node_is_written_again_and_no_address_is_given_twice([Values] Fact fact,
        [Values] Step step)
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var cni = new CniShapedClient(host);
        using var place = host.CreateNamespace();
        using var other = host.CreateNamespace();
        using var third = host.CreateNamespace();
        await cni.AddAsync("c1", place);
        await cni.AddAsync("c2", other);

        await LoseAsync(host, fact, step, cni, third);
        await host.KeepAsync();
        await host.KeepAsync();

        var live = host.Connector.Book.All.SelectMany(l => l.Record.Addresses).Select(a => a.Split('/')[0]).ToArray();
        Assert.That(live, Has.Length.EqualTo(step switch { Step.BeforeAnAdd => 3, Step.BeforeADel => 1, _ => 2 }));
        Assert.That(host.Health.NotReady, Is.Empty);
        await AssertThereAsync(host, live);
        await AssertNotGivenAgainAsync(host, live);
    }

    [Test]
    public async Task A10_whoever_loses_an_address_to_another_node_closes_its_endpoint_and_says_so()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        using var place = host.CreateNamespace();
        var address = (await new CniShapedClient(host).AddAsync("c1", place)).Addresses[0].BaseAddress;
        Delete(host.Store, "/calico/ipam/v2/");
        await using var newcomer = Other(host);
        var taken = (await newcomer.ClaimAsync("cni", new() { Handle = "newcomer", Purpose = LeasePurpose.Endpoint, Exact = [address] },
            new WorkloadEndpointId("cni", "x", "eth0"), null, default))[0];

        var lines = await host.KeepAsync();

        var said = lines.Single(l => l is { Part: "ipam", Check: "addresses" });
        Assert.That(said.Ok, Is.False);
        Assert.That(said.Reason, Does.Contain(address.ToString()).And.Contain("node node2").And.Contain("newcomer"));
        Assert.That(host.Kernel.Published, Is.Empty, "closed");
        Assert.That(host.Store.Snapshot(Endpoints), Is.Empty, "nobody is told that it has the address");
        Assert.That(host.Connector.Book.All.Single().Status.State, Is.EqualTo(EndpointState.Failed));
        await host.CrashAsync();
        Assert.That(host.Connector.Book.All.Single().Status.State, Is.EqualTo(EndpointState.Failed), "a restart does not open it");
        await host.KeepAsync();
        Assert.That(await newcomer.FindAsync(address, default), Is.EqualTo(taken));

        await newcomer.UnbindAsync("cni", new("cni", "x", "eth0"), [taken], LeaseCompanion.None, default);
        await host.KeepAsync();
        lines = await host.KeepAsync();
        Assert.That(lines.Single(l => l is { Part: "ipam", Check: "addresses" }).Ok, Is.True);
        Assert.That(host.Kernel.Published, Has.Exactly(1).Items, "open again when the other gave it up");
        Assert.That(host.Store.Snapshot(Endpoints), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A10_what_waits_to_be_told_of_an_endpoint_that_lost_its_address_is_not_told()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        using var place = host.CreateNamespace();
        var cni = new CniShapedClient(host);
        var address = (await cni.AddAsync("c1", place)).Addresses[0].BaseAddress;
        await host.KillStoreAsync();
        await host.Dataplane.UpdateAsync(new("cni", "c1", "eth0"),
            new(ImmutableSortedDictionary<string, string>.Empty.Add("app", "web")), default);
        host.Store.Faults.Dead = false;
        Assert.That(host.Log.List(Outbox.Section), Has.Length.EqualTo(1));
        Delete(host.Store, "/calico/ipam/v2/");
        Delete(host.Store, Endpoints);
        await using var newcomer = Other(host);
        await newcomer.ClaimAsync("cni", new() { Handle = "newcomer", Purpose = LeasePurpose.Endpoint, Exact = [address] }, null,
            null, default);

        await host.KeepAsync();

        Assert.That(host.Connector.Book.All.Single().Record.Conflict, Is.Not.Null);
        Assert.That(host.Store.Snapshot(Endpoints), Is.Empty, "never told, not even for a moment");
        Assert.That(host.Log.List(Outbox.Section), Is.Empty);
    }

    [Test]
    public async Task A10_the_removal_of_an_endpoint_that_lost_its_address_frees_nothing_of_the_other()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        using var place = host.CreateNamespace();
        var cni = new CniShapedClient(host);
        var address = (await cni.AddAsync("c1", place)).Addresses[0].BaseAddress;
        Delete(host.Store, "/calico/ipam/v2/");
        await using var newcomer = Other(host);
        await newcomer.ClaimAsync("cni", new() { Handle = "newcomer", Purpose = LeasePurpose.Endpoint, Exact = [address] }, null,
            null, default);
        await host.KeepAsync();

        await cni.DeleteAsync("c1");

        Assert.That(await newcomer.FindAsync(address, default), Is.Not.Null);
        Assert.That(host.Connector.Book.Count, Is.Zero);
    }

    private static async Task LoseAsync(HostUnderTest host, Fact fact, Step step, CniShapedClient cni, NetworkNamespace place)
    {
        switch (step)
        {
            case Step.Idle:
                await LoseAsync(host.Store, fact);
                break;
            case Step.BeforeAnAdd:
                await LoseAsync(host.Store, fact);
                await cni.AddAsync("c3", place);
                break;
            case Step.BeforeADel:
                await LoseAsync(host.Store, fact);
                await cni.DeleteAsync("c1");
                break;
            case Step.HostDown:
                await LoseAsync(host.Store, fact);
                await host.CrashAsync();
                break;
            default:
                await host.KillStoreAsync();
                await LoseAsync(host.Store, fact);
                await host.ReviveStoreAsync();
                break;
        }
    }

    private static async Task LoseAsync(InMemoryStore store, Fact fact)
    {
        switch (fact)
        {
            case Fact.Node:
                Delete(store, Nodes + "node1");
                break;
            case Fact.Endpoints:
                Delete(store, Endpoints);
                break;
            case Fact.Blocks:
                Delete(store, IpamKeys.Assignments);
                break;
            case Fact.Affinities:
                Delete(store, IpamKeys.Host("node1") + "/");
                break;
            case Fact.Handles:
                Delete(store, IpamKeys.Handles);
                break;
            case Fact.Marker:
                store.Remove(IpamKeys.Host("node1"));
                break;
            case Fact.Deleted:
                var (dead, client) = (store.Faults.Dead, new ResourceClient(store, TimeProvider.System, new Cleanup(store)));
                store.Faults.Dead = false;
                await client.DeleteAsync(Kinds.Node.Key("node1"), null, force: true, default);
                store.Faults.Dead = dead;
                break;
            default:
                Delete(store, "/calico/");
                break;
        }
    }

    private static async Task AssertThereAsync(HostUnderTest host, string[] live)
    {
        Assert.That(host.Store.Snapshot(Nodes + "node1"), Has.Length.EqualTo(1));
        Assert.That(host.Store.Snapshot(Endpoints), Has.Length.EqualTo(live.Length));
        Assert.That(host.Store.Snapshot(IpamKeys.Host("node1")).Any(k => k.Key == IpamKeys.Host("node1")), Is.True, "the marker");
        Assert.That(host.Kernel.Published.Count(), Is.EqualTo(live.Length));
        var snapshot = await IpamSnapshot.ReadAsync(host.Store, null, default);
        var report = IpamReport.Of(snapshot, []);
        Assert.That(report.Findings.Where(f => f.Problem is AuditProblem.HandleDisagrees or AuditProblem.AffinityDisagrees), Is.Empty);
        Assert.That(live.Where(a => report.Find(System.Net.IPAddress.Parse(a))?.Node != "node1"), Is.Empty);
        Assert.That(snapshot.Affinities.Any(a => a.Owner.Name == "node1"), Is.True, "the affinity");
    }

    /// <summary>More addresses than a block has, so that what looks free in this node's block is borrowed.</summary>
    private static async Task AssertNotGivenAgainAsync(HostUnderTest host, string[] live)
    {
        await using var other = Other(host);
        for (var i = 0; i < 4; i++)
        {
            var given = await other.ClaimAsync("cni", new() { Handle = $"more{i}", Purpose = LeasePurpose.Endpoint, Ipv4 = 64 }, null,
                null, default);
            Assert.That(given.Select(l => l.Address.ToString()).Intersect(live), Is.Empty);
        }

        foreach (var address in live)
        {
            var problem = await Assert.ThrowsAsync<CalicoException>(() => other.ClaimAsync("cni",
                new() { Handle = "exact", Purpose = LeasePurpose.Endpoint, Exact = [System.Net.IPAddress.Parse(address)] }, null,
                null, default));
            Assert.That(problem!.Problem, Is.EqualTo(Problem.AlreadyExists));
        }
    }

    private static NodeIpam Other(HostUnderTest host)
    {
        host.Store.Set(Nodes + "node2", """{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"node2"},"spec":{}}""");
        var log = new InMemoryNodeLog();
        return new(host.Store, log, new(log, host.Store, TimeProvider.System, NullLogger<Outbox>.Instance),
            new() { NodeName = "node2", StorePatience = TimeSpan.FromSeconds(20), StoreDeadline = TimeSpan.FromSeconds(20) },
            TimeProvider.System, NullLogger<NodeIpam>.Instance);
    }

    private static void Delete(InMemoryStore store, string prefix)
    {
        foreach (var key in store.Snapshot(prefix))
        {
            store.Remove(key.Key);
        }
    }

    private sealed class Cleanup(IKeyValueStore store) : IAddressCleanup
    {
        private readonly IpamClient _ipam = new(store, null, TimeProvider.System);

        public Task ReleasePoolAsync(string cidr, CancellationToken ct) => throw new NotSupportedException();

        public Task ReleaseAddressesAsync(ImmutableArray<string> addresses, CancellationToken ct) =>
            _ipam.ReleaseAsync([.. addresses.Select(a => new ReleaseRequest(System.Net.IPAddress.Parse(a)))], ct);

        public Task ReleaseNodeAsync(string node, CancellationToken ct) => _ipam.RemoveHostAsync(node, ct);
    }
}
