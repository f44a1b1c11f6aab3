using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Addresses that another IPAM gave: they are nobody else's, or refused.</summary>
[TestFixture]
public sealed class UnmanagedAddressTests
{
    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [TestCase("10.99.0.1")]
    [TestCase("fd99::1")]
    public async Task B11_an_address_that_another_endpoint_has_is_refused_and_stays_that_ones(string address)
    {
        await ConnectAsync("first", address);
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("second", address));

        Assert.That(refusal!.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(refusal.Message, Does.Contain(address).And.Contain("cni/first/eth0"));
        Assert.That((await _host.Network.ListAsync(null, CancellationToken.None)).Select(a => a.Id.Workload),
            Is.EqualTo(new[] { "first" }));
        // Its own, asked for again, and one that has become free.
        await ConnectAsync("first", address);
        await _host.Network.DisconnectAsync(new("cni", "first", "eth0"), null, CancellationToken.None);
        await ConnectAsync("second", address);
    }

    [TestCase("198.51.100.7")]
    [TestCase("2001:db8::7")]
    public async Task B11_the_hosts_own_address_is_refused(string address)
    {
        _host.Kernel.Own.Add(System.Net.IPAddress.Parse(address));
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("first", address));
        Assert.That((refusal!.Problem, refusal.Message),
            Is.EqualTo((Problem.AlreadyExists, $"address {address} comes from another IPAM but is the host's own")));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task B11_of_two_at_once_one_has_it()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 16).Select(async i =>
        {
            try
            {
                await ConnectAsync($"c{i}", "10.99.0.1", "fd99::1");
                return true;
            }
            catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
            {
                return false;
            }
        }));
        Assert.That(results.Count(won => won), Is.EqualTo(1));
    }

    [TestCase("224.0.0.1", "multicast")]
    [TestCase("239.255.255.255", "multicast")]
    [TestCase("ff02::1", "multicast")]
    [TestCase("0.0.0.0", "unspecified")]
    [TestCase("0.1.2.3", "unspecified")]
    [TestCase("::", "unspecified")]
    [TestCase("127.0.0.1", "loopback")]
    [TestCase("127.255.255.254", "loopback")]
    [TestCase("::1", "loopback")]
    [TestCase("255.255.255.255", "broadcast")]
    [TestCase("240.0.0.1", "reserved")]
    [TestCase("169.254.1.1", "link-local")]
    [TestCase("fe80::1", "link-local")]
    [TestCase("::ffff:10.0.0.1", "IPv4")]
    [TestCase("10.65.0.9", "IP pool")]
    public async Task B11_an_address_that_no_workload_can_have_is_refused(string address, string reason)
    {
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("first", address));
        Assert.That(refusal!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(refusal.Message, Does.Contain(reason));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [TestCase("10.99.0.1")]
    [TestCase("fd99::1")]
    public async Task B11_an_address_twice_in_one_answer_is_refused(string address)
    {
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("first", address, "10.99.0.7", address));
        Assert.That(refusal!.Message, Does.Contain("twice"));
        var asked = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(new EndpointSpec
        {
            Id = new("cni", "first", "eth0"),
            Instance = "first",
            Profiles = [],
            Claim = new() { Handle = "h", Purpose = LeasePurpose.Endpoint,
                Exact = [IPAddress.Parse("10.65.0.9"), IPAddress.Parse("10.65.0.9")] },
        }));
        Assert.That(asked!.Message, Does.Contain("twice"));
    }

    [Test]
    public async Task B11_a_refused_newcomer_leaves_the_life_before_it_as_it_is()
    {
        await ConnectAsync("other", "10.99.0.1");
        await ConnectAsync("first", "10.99.0.2");
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(Spec("first", "10.99.0.1") with { Instance = "next" }));
        Assert.That(refusal!.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That((await _host.Network.FindAsync(new("cni", "first", "eth0"), CancellationToken.None))!.Addresses,
            Is.EqualTo(new[] { IPNetwork.Parse("10.99.0.2/32") }));
    }

    [Test]
    public async Task D_a_leased_address_is_given_on_while_the_endpoint_that_had_it_still_goes()
    {
        await using var host = await HostUnderTest.StartImpatientAsync("cni");
        var former = await ConnectAsync(host, "former");
        host.Store.Faults.Dead = true;
        // Whoever finds the store dead does not know what became of his transaction; from then on nothing is sent.
        await host.Addresses.UnbindAsync("cni", new("cni", "finder", "eth0"), [], new([new StoreOperation.Delete("/finder")], []),
            CancellationToken.None);
        var disk = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Log.Disk = disk.Task;
        var written = host.Log.Commits;
        var going = host.Network.DisconnectAsync(new("cni", "former", "eth0"), null, CancellationToken.None);
        await UntilAsync(() => host.Log.Commits > written);
        written = host.Log.Commits;

        var coming = ConnectAsync(host, "next");
        await UntilAsync(() => host.Log.Commits > written || coming.IsCompleted);
        disk.SetResult();

        await going;
        Assert.That((await coming).Addresses, Is.EqualTo(former.Addresses));
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 2000 && !condition(); i++)
        {
            await Task.Delay(5);
        }

        Assert.That(condition(), Is.True);
    }

    private static async Task<Attachment> ConnectAsync(HostUnderTest host, string container)
    {
        using var place = host.CreateNamespace();
        var spec = Spec(container) with { Claim = new() { Handle = container, Purpose = LeasePurpose.Endpoint, Ipv4 = 1 } };
        return await host.Network.ConnectAsync(spec, Placement.In(place, "eth0"), CancellationToken.None);
    }

    [Test]
    public async Task C8_nothing_is_connected_while_the_datastore_is_locked_or_not_set_up()
    {
        _host.View.Accept(new SyncBatch(SyncStatus.InSync, 1, []));
        var refusal = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("first", "10.99.0.1"));
        Assert.That(refusal!.Problem, Is.EqualTo(Problem.Unavailable));
        Assert.That(refusal.Message, Does.StartWith("Calico is currently not ready to process requests"));

        Tell(ready: true);
        await ConnectAsync("first", "10.99.0.1");
        Tell(ready: false);
        Assert.That((await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("second", "10.99.0.2")))!.Message,
            Does.StartWith("Calico is currently not ready"));
        Assert.That((await Assert.ThrowsAsync<CalicoException>(() =>
            _host.Dataplane.PrepareAsync(Spec("third", "10.99.0.3"), CancellationToken.None)))!.Message,
            Does.StartWith("Calico is currently not ready"));
        // What is there may go.
        await _host.Network.DisconnectAsync(new("cni", "first", "eth0"), null, CancellationToken.None);
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    private void Tell(bool ready) => _host.View.Accept(new SyncBatch(SyncStatus.InSync, 2,
        [new(Kinds.ClusterInformation.Key("default"),
            Kinds.ClusterInformation.New("default", new ClusterInformationSpec { DatastoreReady = ready }))]));

    private Task ConnectAsync(string container, params string[] addresses) => ConnectAsync(Spec(container, addresses));

    private async Task ConnectAsync(EndpointSpec spec)
    {
        using var place = _host.CreateNamespace();
        await _host.Network.ConnectAsync(spec, Placement.In(place, "eth0"), CancellationToken.None);
    }

    private static EndpointSpec Spec(string container, params string[] addresses) => new()
    {
        Id = new("cni", container, "eth0"),
        Instance = container,
        Profiles = ["net"],
        Unmanaged = [.. addresses.Select(a => IPAddress.Parse(a))
            .Select(a => new IPNetwork(a, a.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128))],
    };
}
