using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using NUnit.Framework;

namespace Calico.TestKit.Workloads;

/// <summary>What the contracts promise to every adapter, asked of a host (or a fake of one) by clients of two shapes. Derive from it, make
/// the node, and the suite runs.</summary>
public abstract partial class AdapterConformance
{
    /// <summary>Long enough for a slow machine, short enough to notice a wait for a dead store (whose budget is 50 ms).</summary>
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(2);

    /// <summary>A refusal for want of the store may come when the host has given it up.</summary>
    private static readonly TimeSpan Refused = TimeSpan.FromSeconds(5);

    private ConformanceNode _node = null!;

    private CniShapedClient Cni => new(_node);

    private DockerShapedClient Docker => new(_node);

    /// <summary>A running node with a pool, an empty store and no endpoints.</summary>
    protected abstract Task<ConformanceNode> StartNodeAsync();

    [SetUp]
    public async Task StartAsync() => _node = await StartNodeAsync();

    [TearDown]
    public async Task StopAsync()
    {
        if (_node is not null)
        {
            await _node.DisposeAsync();
        }
    }

    [Test]
    public async Task Crash_between_any_two_calls_of_a_split_life_is_mended_by_a_retry([Range(0, 4)] int crashAfter)
    {
        var address = IPAddress.None;
        // Each call is made again after the crash, as an orchestrator that saw its connection break makes it.
        Func<Task>[] life =
        [
            async () => address = (await Docker.RequestAddressAsync("r1")).Address,
            () => Docker.CreateEndpointAsync("e1", address),
            () => Docker.JoinAsync("e1"),
            () => Docker.LabelsArriveAsync("e1"),
            () => Docker.ProgramPortsAsync("e1", []),
        ];
        for (var i = 0; i < life.Length; i++)
        {
            await life[i]();
            if (i != crashAfter)
            {
                continue;
            }

            await _node.CrashAsync();
            await life[i]();
        }

        var attachment = await _node.Network.FindAsync(DockerShapedClient.IdOf("e1"), default);
        Assert.That(attachment!.State, Is.EqualTo(EndpointState.Enforced));
        Assert.That(attachment.Addresses.Select(a => a.BaseAddress), Is.EqualTo(new[] { address }));
        Assert.That(await _node.ListLinksAsync(), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Crash_between_any_two_calls_of_a_teardown_leaves_nothing([Range(0, 2)] int crashAfter)
    {
        var address = await BringUpAsync("e1");
        Func<Task>[] teardown = [() => Docker.LeaveAsync("e1"), () => Docker.DeleteEndpointAsync("e1"),
            () => Docker.ReleaseAddressAsync(address)];
        for (var i = 0; i < teardown.Length; i++)
        {
            await teardown[i]();
            if (i != crashAfter)
            {
                continue;
            }

            await _node.CrashAsync();
            await teardown[i]();
        }

        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Crash_inside_a_join_leaves_the_endpoint_prepared_with_its_address()
    {
        var lease = await Docker.RequestAddressAsync("r1");
        await Docker.CreateEndpointAsync("e1", lease.Address);
        await _node.CrashInsideAsync(() => Docker.JoinAsync("e1"));
        await AssertPreparedAsync("e1", lease.Address);

        var joined = await Docker.JoinAsync("e1");
        Assert.That(await _node.ListLinksAsync(), Is.EqualTo(new[] { joined.HostInterface }));
        Assert.That(joined.Addresses.Single().BaseAddress, Is.EqualTo(lease.Address));
        await Docker.LeaveAsync("e1");
        await Docker.DeleteEndpointAsync("e1");
        await Docker.ReleaseAddressAsync(lease.Address);
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Crash_inside_a_join_may_be_followed_by_the_teardown()
    {
        var lease = await Docker.RequestAddressAsync("r1");
        await Docker.CreateEndpointAsync("e1", lease.Address);
        await _node.CrashInsideAsync(() => Docker.JoinAsync("e1"));
        await Docker.LeaveAsync("e1");
        await Docker.DeleteEndpointAsync("e1");
        await Docker.ReleaseAddressAsync(lease.Address);
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Crash_inside_a_connect_leaves_nothing_and_a_retry_is_served()
    {
        using var networkNamespace = _node.CreateNamespace();
        await _node.CrashInsideAsync(() => Cni.AddAsync("c1", networkNamespace));
        await AssertNothingIsLeftAsync();

        var attachment = await Cni.AddAsync("c1", networkNamespace);
        Assert.That(await _node.ListLinksAsync(), Is.EqualTo(new[] { attachment.HostInterface }));
        Assert.That((await BoundLeasesAsync()).Select(l => l.Address), Is.EqualTo(attachment.Addresses.Select(a => a.BaseAddress)));
    }

    [Test]
    public async Task A_lost_link_leaves_a_split_life_prepared_and_ends_a_whole_one()
    {
        var address = await BringUpAsync("e1");
        using var networkNamespace = _node.CreateNamespace();
        var whole = await Cni.AddAsync("c1", networkNamespace);
        foreach (var link in await _node.ListLinksAsync())
        {
            await _node.LoseLinkAsync(link);
        }

        await AssertPreparedAsync("e1", address);
        await _node.CrashAsync();

        Assert.That(await _node.Network.FindAsync(whole.Id, default), Is.Null);
        await AssertPreparedAsync("e1", address);
        Assert.That((await Docker.JoinAsync("e1")).State, Is.EqualTo(EndpointState.Enforced), "its labels are known");
        Assert.That(await _node.ListLinksAsync(), Has.Length.EqualTo(1));
        await Docker.DeleteEndpointAsync("e1");
        await Docker.ReleaseAddressAsync(address);
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Joining_again_after_the_link_was_lost_makes_it_again()
    {
        await BringUpAsync("e1");
        await _node.LoseLinkAsync((await _node.ListLinksAsync()).Single());
        var again = await Docker.JoinAsync("e1");

        Assert.That(await _node.ListLinksAsync(), Is.EqualTo(new[] { again.HostInterface }));
    }

    [Test]
    public async Task Crash_after_a_connect_forgets_nothing()
    {
        using var networkNamespace = _node.CreateNamespace();
        var before = await Cni.AddAsync("c1", networkNamespace);
        await _node.CrashAsync();
        var after = await _node.Network.FindAsync(before.Id, default);
        var again = await Cni.AddAsync("c1", networkNamespace);

        Assert.That(after!.Addresses, Is.EqualTo(before.Addresses));
        Assert.That(after.State, Is.EqualTo(EndpointState.Enforced));
        Assert.That(again.Addresses, Is.EqualTo(before.Addresses));
        await Cni.DeleteAsync("c1");
        await AssertNothingIsLeftAsync();
    }

    [Test]
    public async Task Dead_store_does_not_hold_up_a_removal_and_the_address_is_free_when_it_is_back()
    {
        using var networkNamespace = _node.CreateNamespace();
        var whole = await Cni.AddAsync("c1", networkNamespace);
        var split = await BringUpAsync("e1");
        await _node.KillStoreAsync();
        await InTimeAsync(Cni.DeleteAsync("c1"));
        await InTimeAsync(Docker.LeaveAsync("e1"));
        await InTimeAsync(Docker.DeleteEndpointAsync("e1"));
        await InTimeAsync(Docker.ReleaseAddressAsync(split));

        Assert.That(await _node.ListLinksAsync(), Is.Empty);
        await _node.ReviveStoreAsync();
        await AssertNothingIsLeftAsync();
        Assert.That((await Docker.RequestAddressAsync("r9", split)).Address, Is.EqualTo(split));
        Assert.That((await Docker.RequestAddressAsync("r8", whole.Addresses[0].BaseAddress)).Address,
            Is.EqualTo(whole.Addresses[0].BaseAddress));
    }

    [Test]
    public async Task Dead_store_gives_own_addresses_or_says_unavailable_and_leaves_nothing()
    {
        await _node.KillStoreAsync();
        var given = new HashSet<IPAddress>();
        for (var i = 0; i < 12; i++)
        {
            var networkNamespace = _node.CreateNamespace();
            var clock = Stopwatch.StartNew();
            try
            {
                var attachment = await Cni.AddAsync($"c{i}", networkNamespace).WaitAsync(Refused);
                Assert.That(given.Add(attachment.Addresses[0].BaseAddress), Is.True, "one address twice");
                Assert.That(clock.Elapsed, Is.LessThan(Promptly));
            }
            catch (CalicoException e) when (e.Problem == Problem.Unavailable)
            {
                Assert.That(await _node.Network.FindAsync(new WorkloadEndpointId("cni", $"c{i}", "eth0"), default), Is.Null);
            }
            finally
            {
                networkNamespace.Dispose();
            }
        }

        Assert.That(await _node.ListLinksAsync(), Has.Length.EqualTo(given.Count));
        await _node.ReviveStoreAsync();
        Assert.That((await BoundLeasesAsync()).Select(l => l.Address), Is.EquivalentTo(given));
    }

    [Test]
    public async Task Dead_store_and_a_crash_together_lose_no_release()
    {
        using var networkNamespace = _node.CreateNamespace();
        await Cni.AddAsync("c1", networkNamespace);
        await _node.KillStoreAsync();
        await Cni.DeleteAsync("c1");
        await _node.CrashAsync();
        await _node.ReviveStoreAsync();

        await AssertNothingIsLeftAsync();
    }

    private async Task<IPAddress> BringUpAsync(string endpoint)
    {
        var lease = await Docker.RequestAddressAsync("request-" + endpoint);
        await Docker.CreateEndpointAsync(endpoint, lease.Address);
        await Docker.JoinAsync(endpoint);
        await Docker.LabelsArriveAsync(endpoint);
        return lease.Address;
    }

    private async Task<ImmutableArray<AddressLease>> BoundLeasesAsync() =>
        [.. (await _node.Ipam.ListAsync(null, default)).Where(l => l.BoundTo is not null)];

    private async Task AssertPreparedAsync(string endpoint, IPAddress address)
    {
        var found = await _node.Network.FindAsync(DockerShapedClient.IdOf(endpoint), default);
        Assert.That(found?.State, Is.EqualTo(EndpointState.Prepared));
        Assert.That(found!.Addresses.Select(a => a.BaseAddress), Is.EqualTo(new[] { address }));
        Assert.That((await _node.Ipam.FindAsync(address, default))!.BoundTo, Is.EqualTo(found.Id));
        Assert.That(await _node.ListLinksAsync(), Is.Empty);
    }

    private async Task AssertNothingIsLeftAsync()
    {
        Assert.That(await _node.ListLinksAsync(), Is.Empty, "links");
        Assert.That(await _node.Network.ListAsync(null, default), Is.Empty, "endpoints");
        Assert.That(await _node.Ipam.ListAsync(null, default), Is.Empty, "leases");
    }

    private static async Task InTimeAsync(Task call) => await call.WaitAsync(Promptly);

    private static async Task AssertProblemAsync(Func<Task> call, params Problem[] allowed)
    {
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => call());
        Assert.That(allowed, Does.Contain(refusal!.Problem), refusal.Message);
    }
}
