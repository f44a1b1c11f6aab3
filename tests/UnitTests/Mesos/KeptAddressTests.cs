using System.Collections.Immutable;
using System.Net;
using Calico.Host.Plugins;
using Calico.Ipam;
using Calico.TestKit.Store;
using Calico.UnitTests.Ipam;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>Addresses that a uid keeps are its own on every node: two nodes' IPAM over one store.</summary>
[TestFixture, Parallelizable]
public sealed class KeptAddressTests
{
    private static readonly WorkloadEndpointId Endpoint = new("mesos", "c", "eth0");

    private IpamCluster _cluster = null!;
    private NodeIpam _a = null!;
    private NodeIpam _b = null!;
    private AddressLeases _onA = null!;
    private AddressLeases _onB = null!;

    [SetUp]
    public void Start()
    {
        _cluster = IpamCluster.Create().Pool("10.65.0.0/24", 26).Node("a").Node("b");
        (_a, _onA) = Node("a");
        (_b, _onB) = Node("b");
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [Test]
    public async Task M18_allocate_again_on_another_node_is_the_same_addresses_and_list_finds_them()
    {
        var kept = await _onA.AllocateAsync("u", 2, 0, [], keep: true, default);
        Assert.That(await _onB.AllocateAsync("u", 2, 0, [], keep: true, default), Is.EqualTo(kept));
        Assert.That((await _onB.ListAsync("u", default)).Select(l => l.Address), Is.EquivalentTo(kept));
        Assert.That(await _onB.AllocateAsync("u", 3, 0, [], keep: true, default), Is.SupersetOf(kept).And.Length.EqualTo(3));
        Assert.That(_cluster.Allocations(), Has.Count.EqualTo(3));
    }

    [Test]
    public async Task M18_without_keep_it_is_one_nodes()
    {
        await _onA.AllocateAsync("u", 1, 0, [], keep: false, default);
        Assert.That(await _onB.ListAsync("u", default), Is.Empty);
        var release = await _onB.ReleaseAsync("u", default);
        Assert.That((release.Released.Length, release.Deferred.Length, release.NotYours.Length), Is.EqualTo((0, 0, 0)), "and says so");
        Assert.That(_cluster.Allocations(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task M18_a_release_on_another_node_frees_them_and_the_uid_has_none()
    {
        await _onA.AllocateAsync("u", 1, 0, [], keep: true, default);
        await _onA.ReserveAsync("u", [IPAddress.Parse("10.65.0.200")], keep: true, default);
        Assert.That((await _onB.ReleaseAsync("u", default)).Released, Has.Length.EqualTo(2));
        Assert.That(_cluster.Allocations(), Is.Empty);
        Assert.That(await _onB.ListAsync("u", default), Is.Empty);
    }

    [Test]
    public async Task M18_what_a_task_on_another_node_uses_is_neither_released_nor_bound_nor_taken_again()
    {
        var kept = await _onA.AllocateAsync("u", 1, 0, [], keep: true, default);
        var bound = await _b.BindAsync("mesos", kept, "h", Endpoint, null, default);
        Assert.That((await _onA.ReleaseAsync("u", default)).NotYours, Is.EqualTo(kept));
        Assert.That((await _onA.ReleaseAsync(kept, default)).NotYours, Is.EqualTo(kept));
        Assert.That((await Refused(() => _a.BindAsync("mesos", kept, "h2", new("mesos", "d", "eth0"), null, default))).Problem,
            Is.EqualTo(Problem.AlreadyExists));
        Assert.That((await Refused(() => _a.ClaimAsync("mesos",
            new() { Handle = "another", Purpose = LeasePurpose.Scheduler, Exact = kept }, null, null, default))).Problem,
            Is.EqualTo(Problem.AlreadyExists));
        Assert.That((await _b.FindAsync(kept[0], default))!.BoundTo, Is.EqualTo(Endpoint));
        await _b.UnbindAsync("mesos", Endpoint, bound, LeaseCompanion.None, default);
        Assert.That((await _onA.ReleaseAsync("u", default)).Released, Is.EqualTo(kept), "the task has ended");
        Assert.That(_cluster.Allocations(), Is.Empty);
    }

    private (NodeIpam, AddressLeases) Node(string name)
    {
        var log = new InMemoryNodeLog();
        var ipam = _cluster.NodeIpam(name, log);
        return (ipam, new(new OfNode(ipam), new KeptAddresses(new PluginState("mesos", log, _cluster.Store))));
    }

    private static async Task<CalicoException> Refused(Func<Task> call) => (await Assert.ThrowsAsync<CalicoException>(call))!;

    /// <summary>As the host hands it to the adapter.</summary>
    private sealed class OfNode(NodeIpam ipam) : IIpam
    {
        public Task<ImmutableArray<AddressLease>> ClaimAsync(AddressClaim claim, CancellationToken ct) =>
            ipam.ClaimAsync("mesos", claim, null, null, ct);

        public Task<AddressLease?> FindAsync(IPAddress address, CancellationToken ct) => ipam.FindAsync(address, ct);

        public Task<ImmutableArray<AddressLease>> ListAsync(string? handle, CancellationToken ct) => ipam.ListAsync("mesos", handle, ct);

        public Task<ReleaseOutcome> ReleaseAsync(AddressLease lease, CancellationToken ct) => ipam.ReleaseAsync("mesos", lease, ct);

        public Task<ImmutableArray<AddressPool>> ListPoolsAsync(CancellationToken ct) => ipam.ListPoolsAsync(ct);
    }
}
