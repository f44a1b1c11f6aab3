using System.Collections.Immutable;
using System.Text;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Reporting;
using Calico.Host.Stages;
using Calico.Host.Workloads;
using Calico.TestKit;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Reporting;

/// <summary>The status of endpoints as it stands in the store.</summary>
public sealed class EndpointStatusTests
{
    private const string Web = "/calico/felix/v2/no-region/host/node1/workload/cni/default%2fweb/endpoint/eth0";
    private const string Eth0 = "/calico/felix/v1/host/node1/endpoint/eth0";

    private static readonly HostMeters Meters = new(NullLogger<HostMeters>.Instance);
    private InMemoryStore _store = null!;
    private ManualTime _time = null!;
    private EndpointReporting _settings = null!;
    private ImmutableDictionary<string, string>? _now;
    private EndpointStatusWriter _writer = null!;

    [SetUp]
    public void SetUp()
    {
        (_store, _time, _now) = (new(), new(), ImmutableDictionary<string, string>.Empty);
        _settings = EndpointReporting.Default with { IsEnabled = true };
        _writer = new(_store, "node1", () => _settings, (_, _) => Task.FromResult<ImmutableDictionary<string, string>?>(_now),
            new(new HealthBoard(), Meters, _time, NullLoggerFactory.Instance));
    }

    [TestCase(EndpointState.Enforced, false, "up")]
    [TestCase(EndpointState.Prepared, false, "down")]
    [TestCase(EndpointState.Closed, false, "down")]
    [TestCase(EndpointState.Failed, false, "error")]
    [TestCase(EndpointState.Enforced, true, "error")]
    public void A_workload_is_up_when_the_kernel_enforces(EndpointState state, bool isRefused, string expected) =>
        Assert.That(EndpointStatuses.Of("no-region", "node1", [Life("web", state)], [], isRefused),
            Is.EquivalentTo(new Dictionary<string, string> { [Web] = $$"""{"status":"{{expected}}"}""" }));

    [TestCase(true, "up")]
    [TestCase(false, "down")]
    [TestCase(null, "error")]
    public void A_host_endpoint_is_as_its_interfaces_are(bool? isUp, string expected) =>
        Assert.That(EndpointStatuses.Of("no-region", "node1", [], [new HostEndpointState("eth0", isUp)], false),
            Is.EquivalentTo(new Dictionary<string, string> { [Eth0] = $$"""{"status":"{{expected}}"}""" }));

    [TestCase("k8s", "ns", "a--node-k8s-my--pod-eth0", "k8s/ns%2fmy-pod/endpoint/eth0")]
    [TestCase("libnetwork", "libnetwork", "a--node-libnetwork-libnetwork-ep1", "libnetwork/libnetwork%2flibnetwork/endpoint/ep1")]
    [TestCase("mesos", "m", "a--node-mesos-task.1-if", "mesos/m%2ftask.1/endpoint/if")]
    public void The_parts_of_a_key_are_those_of_the_resources_name(string _, string ns, string name, string expected)
    {
        Assert.That(EndpointStatusKeys.TryOfWorkload("region-one", "a-node", Kinds.WorkloadEndpoint.Key(ns, name), out var key));
        Assert.That(key, Is.EqualTo("/calico/felix/v2/region-one/host/a-node/workload/" + expected));
    }

    [Test]
    public async Task A_status_is_written_when_two_looks_found_it_and_only_when_it_changed()
    {
        _now = Of((Web, "up"), (Eth0, "error"));
        await _writer.KeepAsync(default);
        Assert.That(Stored, Is.Empty, "one look: it may flap");
        await _writer.KeepAsync(default);
        Assert.That(Stored, Is.EquivalentTo(_now));
        var revision = _store.Revision;
        await _writer.KeepAsync(default);
        _now = Of((Web, "down"), (Eth0, "error"));
        await _writer.KeepAsync(default);
        _now = Of((Web, "up"), (Eth0, "error"));
        await _writer.KeepAsync(default);
        Assert.That(_store.Revision, Is.EqualTo(revision), "nothing has changed but for one look");
    }

    [Test]
    public async Task What_is_gone_is_removed_also_what_a_former_process_wrote_and_what_stands_elsewhere_stays()
    {
        const string other = "/calico/felix/v2/no-region/host/node10/workload/cni/default%2fweb/endpoint/eth0";
        await PutAsync(other, "{}");
        await PutAsync("/calico/felix/v2/no-region/host/node1/status", "{}");
        await PutAsync(Web, """{"status":"up"}""");
        _now = Of((Eth0, "up"));
        await SettleAsync();
        Assert.That(Stored.Keys, Is.EquivalentTo(new[] { other, "/calico/felix/v2/no-region/host/node1/status", Eth0 }));
    }

    [Test]
    public async Task Others_changes_are_undone_within_a_minute()
    {
        _now = Of((Web, "up"), (Eth0, "up"));
        await SettleAsync();
        await PutAsync(Web, "junk");
        await _store.CommitAsync(new(new StoreOperation.Delete(Eth0)), default);
        await SettleAsync();
        Assert.That(Stored[Web], Is.EqualTo("junk"), "it is not listed each time");
        _time.Advance(TimeSpan.FromMinutes(1));
        await SettleAsync();
        Assert.That(Stored, Is.EquivalentTo(_now));
    }

    [Test]
    public async Task What_the_store_missed_is_written_when_it_answers()
    {
        _now = Of((Web, "up"));
        await _writer.KeepAsync(default);
        _store.Faults.Dead = true;
        Assert.That(async () => await _writer.KeepAsync(default), Throws.InstanceOf<CalicoException>());
        _store.Faults.Dead = false;
        await _writer.KeepAsync(default);
        Assert.That(Stored, Is.EquivalentTo(_now));
    }

    [Test]
    public async Task Turned_off_it_takes_away_what_it_wrote_and_asks_the_store_no_more()
    {
        _now = Of((Web, "up"));
        await SettleAsync();
        _settings = _settings with { IsEnabled = false };
        await SettleAsync();
        Assert.That(Stored, Is.Empty);
        _store.Faults.Dead = true;
        await _writer.KeepAsync(default);
    }

    [Test]
    public async Task Another_region_has_other_keys_and_the_former_ones_go()
    {
        _now = Of((Web, "up"));
        await SettleAsync();
        _settings = _settings with { Region = "region-one" };
        _now = Of((Web.Replace("no-region", "region-one", StringComparison.Ordinal), "up"));
        await SettleAsync();
        Assert.That(Stored, Is.EquivalentTo(_now));
    }

    [Test]
    public async Task What_is_not_known_yet_is_not_down()
    {
        await PutAsync(Web, """{"status":"up"}""");
        _now = null;
        await SettleAsync();
        Assert.That(Stored, Has.Count.EqualTo(1));
    }

    [Test]
    public void The_configuration_is_the_clusters_and_over_it_the_nodes()
    {
        var view = new DatastoreView("node1", _time);
        Assert.That(EndpointReporting.Read(view, "node1"), Is.EqualTo(EndpointReporting.Default));
        view.Accept(new(SyncStatus.InSync, 1,
        [
            Configuration("default", new() { EndpointReportingEnabled = true, EndpointReportingDelay = "1m30s", OpenstackRegion = "one" }),
            Configuration("node.node1", new() { EndpointReportingDelay = "500ms" }),
            Configuration("node.node2", new() { EndpointReportingEnabled = false }),
        ]));
        Assert.That(EndpointReporting.Read(view, "node1"),
            Is.EqualTo(new EndpointReporting(true, TimeSpan.FromMilliseconds(500), "region-one")));
        Assert.That(EndpointReporting.Read(view, "node2"),
            Is.EqualTo(new EndpointReporting(false, TimeSpan.FromSeconds(90), "region-one")));
    }

    private static SyncUpdate Configuration(string name, FelixConfigurationSpec spec) =>
        new(Kinds.FelixConfiguration.Key(name), Kinds.FelixConfiguration.New(name, spec));

    private static ImmutableDictionary<string, string> Of(params (string Key, string Status)[] statuses) =>
        statuses.ToImmutableDictionary(s => s.Key, s => $$"""{"status":"{{s.Status}}"}""");

    private static EndpointLife Life(string workload, EndpointState state) => new(new EndpointRecord
    {
        Orchestrator = "cni", Workload = workload, Endpoint = "eth0", Instance = "1", Adapter = "cni", HostInterface = "cali1", Mac = "",
        Namespace = "default", Addresses = [],
    }, state);

    private Dictionary<string, string> Stored => _store.Snapshot("/calico/felix/")
        .ToDictionary(kv => kv.Key, kv => Encoding.UTF8.GetString(kv.Value.Span));

    private Task PutAsync(string key, string value) =>
        _store.CommitAsync(new(new StoreOperation.Put(key, Encoding.UTF8.GetBytes(value))), default);

    private async Task SettleAsync()
    {
        await _writer.KeepAsync(default);
        await _writer.KeepAsync(default);
    }
}
