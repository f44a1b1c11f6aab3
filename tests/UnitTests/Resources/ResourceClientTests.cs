using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.V3;
using Calico.TestKit.Store;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ResourceClientTests : IAsyncDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly FakeTimeProvider _time = new(Start);
    private readonly InMemoryStore _store;
    private readonly ResourceClient _client;

    public ResourceClientTests()
    {
        _store = new(_time);
        _client = new(_store, _time);
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Test]
    public async Task Created_resources_get_an_identity_and_the_revision_as_version()
    {
        var created = await _client.CreateAsync(Pool("10.0.0.0/16"), CancellationToken.None);

        Assert.That(Guid.TryParse(created.Metadata.Uid, out _), Is.True);
        Assert.That(created.Metadata.CreationTimestamp, Is.EqualTo(Start));
        Assert.That(created.Metadata.ResourceVersion, Is.EqualTo($"{_store.Revision}"));
        Assert.That((await _client.GetAsync(Kinds.IpPool.Key("p"), CancellationToken.None)).Metadata, Is.EqualTo(created.Metadata));
    }

    [Test]
    public async Task Creating_names_every_field_of_the_metadata_that_is_wrong()
    {
        var endpoint = new Resource<WorkloadEndpointSpec> { Kind = "WorkloadEndpoint", Metadata = new() { ResourceVersion = "3" } };

        var error = await Assert.ThrowsAsync<CalicoException>(() => _client.CreateAsync(endpoint, CancellationToken.None));

        Assert.That(error!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(error.Message, Does.Contain("field must not be set for a Create request").And.Contain("Metadata.Namespace"));
    }

    [Test]
    public async Task Updating_an_old_version_is_a_conflict_and_changes_nothing()
    {
        var first = await _client.CreateAsync(Pool("10.0.0.0/16"), CancellationToken.None);
        var second = await _client.UpdateAsync(With(first, natOutgoing: true), CancellationToken.None);

        var error = await Assert.ThrowsAsync<CalicoException>(() =>
            _client.UpdateAsync(With(first, natOutgoing: false), CancellationToken.None));

        Assert.That((error!.Problem, error.Message), Is.EqualTo((Problem.Conflict, "update conflict: IPPool(p)")));
        Assert.That((await _client.GetAsync(Kinds.IpPool.Key("p"), CancellationToken.None)).Metadata, Is.EqualTo(second.Metadata));
    }

    [Test]
    public async Task Replacing_keeps_the_identity()
    {
        var first = await _client.CreateAsync(Pool("10.0.0.0/16"), CancellationToken.None);

        var replaced = await _client.ReplaceAsync(
            Pool("10.0.0.0/16") with { Metadata = new() { Name = "p", Labels = first.Metadata.Labels } },
            CancellationToken.None);

        Assert.That((replaced.Metadata.Uid, replaced.Metadata.CreationTimestamp),
            Is.EqualTo((first.Metadata.Uid, first.Metadata.CreationTimestamp)));
    }

    [Test]
    public async Task Fields_that_a_newer_version_wrote_survive_an_update()
    {
        const string Key = "/calico/resources/v3/projectcalico.org/ippools/p";
        _store.Set(Key, """
            {"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u","creationTimestamp":"2026-01-02T03:04:05Z"},
            "spec":{"cidr":"10.0.0.0/16","newer":{"a":1}},"status":{"conditions":[]}}
            """.ReplaceLineEndings(""));
        var read = await _client.GetAsync(Kinds.IpPool.Key("p"), CancellationToken.None);

        await _client.UpdateAsync(With(read, natOutgoing: true), CancellationToken.None);

        Assert.That(Encoding.UTF8.GetString(_store.Snapshot(Key).Single().Value.Span),
            Does.Contain("\"newer\":{\"a\":1}").And.Contain("\"status\":{\"conditions\":[]}").And.Contain("\"natOutgoing\":true"));
    }

    [Test]
    public async Task A_workload_endpoint_is_named_by_its_spec()
    {
        var endpoint = new Resource<WorkloadEndpointSpec>
        {
            Kind = "WorkloadEndpoint",
            Metadata = new() { Namespace = "default" },
            Spec = new() { Node = "node-1", Orchestrator = "cni", ContainerId = "c1", Endpoint = "eth0", InterfaceName = "calic1" },
        };

        var created = await _client.CreateAsync(endpoint, CancellationToken.None);

        Assert.That(created.Metadata.Name, Is.EqualTo("node--1-cni-c1-eth0"));
        Assert.That(created.Metadata.Labels!["projectcalico.org/orchestrator"], Is.EqualTo("cni"));
        await Assert.ThrowsAsync<CalicoException>(() => _client.CreateAsync(
            endpoint with { Metadata = endpoint.Metadata with { Name = "other" } }, CancellationToken.None));
    }

    [Test]
    public async Task Initialisation_is_idempotent_and_appends_cluster_types()
    {
        var initialization = new ClusterInitialization(_client);
        await initialization.EnsureAsync("v1", "a", CancellationToken.None);
        var first = await _client.GetAsync(Kinds.ClusterInformation, "default", CancellationToken.None);
        await initialization.EnsureAsync("", "a,b", CancellationToken.None);
        var revision = _store.Revision;
        await initialization.EnsureAsync("", "b", CancellationToken.None);

        var last = await _client.GetAsync(Kinds.ClusterInformation, "default", CancellationToken.None);
        Assert.That(_store.Revision, Is.EqualTo(revision));
        Assert.That(first.Spec.ClusterGuid, Does.Match("^[0-9a-f]{32}$"));
        Assert.That(last.Spec, Is.EqualTo(first.Spec with { ClusterType = "a,b" }));
        Assert.That((await _client.ListAsync(Kinds.Tier, "", CancellationToken.None)).Items.Select(tier => tier.Metadata.Name),
            Is.EqualTo(new[] { "default", "kube-admin", "kube-baseline" }));
    }

    [Test]
    public async Task Tiers_go_only_when_they_are_empty_and_not_built_in()
    {
        await new ClusterInitialization(_client).EnsureAsync("", "", CancellationToken.None);
        var error = await Assert.ThrowsAsync<CalicoException>(() =>
            _client.DeleteAsync(Kinds.Tier.Key("default"), null, CancellationToken.None));
        Assert.That(error!.Message, Is.EqualTo("operation Delete is not supported on default: Cannot delete default tier"));

        await _client.CreateAsync(Kinds.Tier.Create(new() { Name = "t" }), CancellationToken.None);
        _store.Set("/calico/resources/v3/projectcalico.org/globalnetworkpolicies/g", """{"metadata":{"name":"g"},"spec":{"tier":"t"}}""");
        error = await Assert.ThrowsAsync<CalicoException>(() => _client.DeleteAsync(Kinds.Tier.Key("t"), null, CancellationToken.None));
        Assert.That(error!.Message, Is.EqualTo("operation delete is not supported on t: Cannot delete a non-empty tier"));
    }

    [Test]
    public async Task A_node_takes_its_endpoints_and_settings_with_it()
    {
        foreach (var node in new[] { "n1", "n2" })
        {
            _store.Set($"/calico/resources/v3/projectcalico.org/nodes/{node}", $$$"""{"metadata":{"name":"{{{node}}}"},"spec":{}}""");
            _store.Set($"/calico/resources/v3/projectcalico.org/felixconfigurations/node.{node}",
                $$$"""{"metadata":{"name":"node.{{{node}}}"},"spec":{}}""");
            _store.Set($"/calico/resources/v3/projectcalico.org/workloadendpoints/default/{node}-cni-c-eth0",
                $$$"""{"metadata":{"name":"{{{node}}}-cni-c-eth0","namespace":"default"},"spec":{"node":"{{{node}}}","interfaceName":"calic"}}""");
            _store.Set($"/calico/resources/v3/projectcalico.org/hostendpoints/{node}",
                $$$"""{"metadata":{"name":"{{{node}}}"},"spec":{"node":"{{{node}}}"}}""");
        }

        await _client.DeleteAsync(Kinds.Node.Key("n1"), null, CancellationToken.None);

        Assert.That(_store.Snapshot().Select(item => item.Key), Has.None.Contains("n1").And.Exactly(4).Contains("n2"));
    }

    private static Resource<IpPoolSpec> Pool(string cidr) =>
        new() { Kind = "IPPool", Metadata = new() { Name = "p" }, Spec = new() { Cidr = cidr } };

    private static Resource With(Resource pool, bool natOutgoing) =>
        Kinds.IpPool.TryRead(pool, out var read) ? read with { Spec = read.Spec with { NatOutgoing = natOutgoing } }
            : throw new AssertionException("no pool");
}
