using System.Net.NetworkInformation;
using Calico.Host.Workloads;
using Microsoft.Win32.SafeHandles;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Numbers that are given again, and digests that two endpoints share.</summary>
[TestFixture]
public sealed class ReusedNumbersTests
{
    /// <summary>Found by search: the SHA-1 digests of these two begin with the same 44 bits.</summary>
    private static readonly WorkloadEndpointId First = new("k8s", "default.web-246726", "eth0");
    private static readonly WorkloadEndpointId Second = new("k8s", "default.web-1527341", "eth0");

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task A5_a_dead_namespace_has_no_part_in_the_group_of_the_one_that_got_its_number()
    {
        // Its record and link are still to be collected; the pool is the same, which two interfaces of one namespace may not share.
        await ConnectAsync(new("cni", "dead", "eth0"), Place(7, "/run/netns/dead"));
        var next = await ConnectAsync(new("cni", "next", "eth0"), Place(7, "/run/netns/next"));
        Assert.That(next.Gateway4!.ToString(), Is.EqualTo("169.254.1.1"));
        Assert.That(next.Routes.Select(r => r.Destination.PrefixLength), Is.EqualTo(new[] { 0 }), "it has a default route");
    }

    [Test]
    public async Task A5_a_container_whose_new_namespace_got_the_number_of_its_old_one_is_wired_anew()
    {
        await ConnectAsync(new("cni", "c", "eth0"), Place(7, "/run/netns/before"));
        await ConnectAsync(new("cni", "c", "eth0"), Place(7, "/run/netns/after"));
        Assert.That(_host.Connector.Find(new("cni", "c", "eth0")).Record.NamespacePath, Is.EqualTo("/run/netns/after"));
        Assert.That(_host.Kernel.Links.Count(), Is.EqualTo(1));
    }

    [Test]
    public async Task A5_an_attachment_to_a_namespace_that_got_the_number_of_the_old_one_is_made_anew()
    {
        var id = new WorkloadEndpointId("docker", "c", "e");
        await _host.Dataplane.PrepareAsync(Spec(id, ""), CancellationToken.None);
        foreach (var path in new[] { "/run/netns/before", "/run/netns/after" })
        {
            using var place = Place(7, path);
            await _host.Dataplane.AttachAsync(id, "life", Placement.In(place, "eth0"), TimeSpan.FromSeconds(5), CancellationToken.None);
        }

        Assert.That(_host.Connector.Find(id).Record.NamespacePath, Is.EqualTo("/run/netns/after"));
    }

    [Test]
    public async Task A8_an_endpoint_whose_name_another_has_gets_the_next_one_and_the_same_again()
    {
        var first = await ConnectAsync(First);
        var second = await ConnectAsync(Second);
        Assert.That(first.HostInterface, Is.EqualTo("cali820b0f1da4a"), "upstream's name");
        Assert.That(second.HostInterface, Is.Not.EqualTo(first.HostInterface).And.StartsWith("cali"));
        Assert.That(_host.Kernel.Links, Is.EquivalentTo(new[] { first.HostInterface, second.HostInterface }));

        await _host.CrashAsync();
        await _host.Network.DisconnectAsync(Second, null, CancellationToken.None);
        Assert.That(_host.Kernel.Links, Is.EqualTo(new[] { first.HostInterface }), "each takes its own link away");
        Assert.That((await ConnectAsync(Second)).HostInterface, Is.EqualTo(second.HostInterface));
        await _host.Network.DisconnectAsync(First, null, CancellationToken.None);
        await _host.Network.DisconnectAsync(Second, null, CancellationToken.None);
        Assert.That((await ConnectAsync(Second)).HostInterface, Is.EqualTo(first.HostInterface), "nobody has it any more");
    }

    [Test]
    public async Task A8_two_that_come_at_once_do_not_get_one_name()
    {
        for (var round = 0; round < 20; round++)
        {
            var both = await Task.WhenAll(new[] { First, Second }.Select(id => Task.Run(() => ConnectAsync(id))));
            Assert.That(both[0].HostInterface, Is.Not.EqualTo(both[1].HostInterface), $"round {round}");
            await Task.WhenAll(both.Select(a => _host.Network.DisconnectAsync(a.Id, null, CancellationToken.None)));
        }

        Assert.That(await _host.LeftAsync(), Is.Empty);
    }

    [Test]
    public async Task A8_a_name_that_was_taken_for_an_endpoint_that_failed_is_free_again()
    {
        _host.Kernel.Failing.Add("wire");
        await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(First));
        _host.Log.Full = true;
        await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(First));
        (_host.Log.Full, _) = (false, _host.Kernel.Failing.Remove("wire"));
        Assert.That((await ConnectAsync(Second)).HostInterface, Is.EqualTo("cali820b0f1da4a"));
    }

    [Test]
    public void A8_without_a_free_name_or_address_it_is_refused_and_never_anothers()
    {
        var error = Assert.Throws<CalicoException>(() => InterfaceNames.HostInterface("cali", First, _ => false));
        Assert.That(error!.Problem, Is.EqualTo(Problem.AlreadyExists));
        Assert.That(error.Message, Does.Contain("cali820b0f1da4a"));
        Assert.That(Assert.Throws<CalicoException>(() => InterfaceNames.Mac(First, _ => true))!.Problem, Is.EqualTo(Problem.AlreadyExists));

        var taken = new HashSet<PhysicalAddress> { InterfaceNames.Mac(First, _ => false) };
        var next = InterfaceNames.Mac(First, taken.Contains);
        Assert.That(taken, Does.Not.Contain(next));
        Assert.That(next.GetAddressBytes()[0] & 3, Is.EqualTo(2), "locally administered, for one station");
    }

    private async Task<Attachment> ConnectAsync(WorkloadEndpointId id, NetworkNamespace? where = null)
    {
        using var place = where ?? _host.CreateNamespace();
        return await _host.Network.ConnectAsync(Spec(id, where is null ? "" : "7"), Placement.In(place, "eth0"), CancellationToken.None);
    }

    private static EndpointSpec Spec(WorkloadEndpointId id, string group) => new()
    {
        Id = id,
        Instance = "life",
        Network = id.Workload,
        Profiles = ["net"],
        NamespaceGroup = group,
        Claim = new() { Handle = $"net.{id.Workload}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
    };

    private static NetworkNamespace Place(ulong number, string path) => new(new SafeFileHandle(-1, ownsHandle: false), number, path);
}
