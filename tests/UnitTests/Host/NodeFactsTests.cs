using System.Diagnostics.CodeAnalysis;
using System.Text;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Settings;
using Calico.Host.Stages;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>What the node tells the store of itself, and others of the store.</summary>
[Parallelizable]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NodeFactsTests
{
    private const string Resources = "/calico/resources/v3/projectcalico.org/";
    private const string NodeKey = Resources + "nodes/node1";

    private readonly InMemoryStore _store = new();

    [TearDown]
    public async Task EndAsync() => await _store.DisposeAsync();

    private NodeRegistration Registration(string machine = "machine-a", Action<HostSettings>? with = null)
    {
        var settings = new HostSettings { Ipv4 = "none", Ipv6 = "none" };
        with?.Invoke(settings);
        return new(_store, settings, "node1", machine, TimeProvider.System, NullLogger<NodeRegistration>.Instance);
    }

    [Test]
    public async Task Another_machine_is_refused_the_name_of_a_node()
    {
        await Registration().RunAsync(isStart: true, CancellationToken.None);
        var refusal = (await Assert.ThrowsAsync<CalicoException>(() => Registration("machine-b")
            .RunAsync(isStart: true, CancellationToken.None)))!;
        Assert.That((refusal.Problem, refusal.Path), Is.EqualTo((Problem.AlreadyExists, "NODENAME")));
        Assert.That(Text(NodeKey), Does.Contain("machine-a"));
        await Registration().RunAsync(isStart: true, CancellationToken.None);
    }

    [Test]
    public async Task First_pools_are_made_only_where_there_is_none()
    {
        await Registration(with: s => s.NoDefaultPools = true).RunAsync(isStart: true, CancellationToken.None);
        Assert.That(_store.Snapshot(Resources + "ippools/"), Is.Empty);
        await Registration().RunAsync(isStart: true, CancellationToken.None);
        Assert.That(_store.Snapshot(Resources + "ippools/").Select(k => k.Key),
            Is.EqualTo(new[] { Resources + "ippools/default-ipv4-ippool" }));
        _store.Remove(Resources + "ippools/default-ipv4-ippool");
        _store.Set(Resources + "ippools/own", """{"kind":"IPPool","metadata":{"name":"own"},"spec":{"cidr":"10.0.0.0/16"}}""");
        await Registration().RunAsync(isStart: true, CancellationToken.None);
        Assert.That(_store.Snapshot(Resources + "ippools/"), Has.Length.EqualTo(1), "a person's choice");
    }

    [Test]
    public async Task D_a_registration_that_another_was_faster_than_is_tried_again_and_keeps_what_was_written()
    {
        _store.Set(NodeKey, """{"kind":"Node","metadata":{"name":"node1"},"spec":{}}""");
        _store.InterfereOnce(NodeKey,
            text => text.Replace("\"name\":\"node1\"", "\"name\":\"node1\",\"labels\":{\"rack\":\"r1\"}", StringComparison.Ordinal));
        await Registration().RunAsync(isStart: true, CancellationToken.None);
        Assert.That(Text(NodeKey), Does.Contain("machine-a").And.Contain("\"rack\":\"r1\""));
    }

    [Test]
    public async Task D_a_replacement_that_another_was_faster_than_is_tried_again()
    {
        var client = new ResourceClient(_store, TimeProvider.System);
        var pool = new Resource<IpPoolSpec> { Kind = "IPPool", Metadata = new() { Name = "p" }, Spec = new() { Cidr = "10.0.0.0/16" } };
        await client.CreateAsync(pool, CancellationToken.None);
        _store.InterfereOnce(Resources + "ippools/p");
        await client.ReplaceAsync(pool with { Spec = pool.Spec with { NatOutgoing = true } }, CancellationToken.None);
        Assert.That(Text(Resources + "ippools/p"), Does.Contain("\"natOutgoing\":true"));
    }

    [TestCase(true, true, "")]
    [TestCase(false, true, "dataplane: not in sync with the datastore yet")]
    [TestCase(true, false,
        "datastore: locked for a migration (ClusterInformation.spec.datastoreReady is false), or without ClusterInformation")]
    public void A_node_can_connect_only_in_sync_and_with_a_datastore_that_is_not_locked(bool isInSync, bool isReady, string reason)
    {
        var view = new DatastoreView("node1", TimeProvider.System);
        var cluster = new Resource<ClusterInformationSpec> { Kind = "ClusterInformation", Metadata = new() { Name = "default" },
            Spec = new() { DatastoreReady = isReady } };
        view.Accept(new(SyncStatus.InSync, 1, [new(Kinds.ClusterInformation.Key("default"), cluster)]));
        var gate = new StartGate();
        gate.Open();
        var status = new HostStatus("node1", view, new HealthBoard(), gate, () => Dataplane(isInSync, null));
        Assert.That((status.CanConnect.Ready, string.Join('\n', status.CanConnect.Reasons)), Is.EqualTo((reason.Length == 0, reason)));
    }

    [Test]
    public void B15_a_host_that_starts_or_stops_says_so_to_adapters_too()
    {
        var gate = new StartGate { Reason = "addresses are being loaded" };
        var status = new HostStatus("node1", View(), new HealthBoard(), gate, () => Dataplane(true, null));
        Assert.That(status.CanConnect.Reasons, Is.EqualTo(new[] { "host: addresses are being loaded" }));
        gate.Open();
        Assert.That(status.CanConnect.Ready, Is.True);
        gate.Drain();
        Assert.That(status.CanConnect.Reasons, Is.EqualTo(new[] { "host: calico-host is stopping" }));
    }

    [Test]
    public void S4_a_node_whose_kernel_refuses_says_what_it_refused()
    {
        var gate = new StartGate();
        gate.Open();
        var status = new HostStatus("node1", View(), new HealthBoard(), gate,
            () => Dataplane(false, "add rule inet calico forward: Operation not permitted (errno 1)\n   at x"));
        Assert.That(status.CanConnect.Reasons, Is.EqualTo(new[]
        {
            "dataplane: the kernel does not hold what is desired, tried again: add rule inet calico forward: "
                + "Operation not permitted (errno 1)",
        }));
    }

    private string Text(string key) => Encoding.UTF8.GetString(_store.Snapshot(key).Single().Value.Span);

    private static DataplaneStatus Dataplane(bool isInSync, string? error) =>
        new(isInSync, 1, DateTimeOffset.UnixEpoch, error, 0, 0, "", TimeSpan.Zero);

    private static DatastoreView View()
    {
        var view = new DatastoreView("node1", TimeProvider.System);
        var cluster = new Resource<ClusterInformationSpec> { Kind = "ClusterInformation", Metadata = new() { Name = "default" },
            Spec = new() { DatastoreReady = true } };
        view.Accept(new(SyncStatus.InSync, 1, [new(Kinds.ClusterInformation.Key("default"), cluster)]));
        return view;
    }
}
