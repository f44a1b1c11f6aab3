using System.Net.NetworkInformation;
using Calico.Host.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>A life is its id and its instance and its boot, and what is said of one is not done to another.</summary>
[TestFixture]
public sealed class LifeIdentityTests
{
    private static readonly WorkloadEndpointId Id = new("cni", "c1", "eth0");

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _host = await HostUnderTest.StartAsync("cni");
        using var place = _host.CreateNamespace();
        await _host.Network.ConnectAsync(Spec(), Placement.In(place, "eth0"), CancellationToken.None);
    }

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task A_detachment_of_another_life_takes_nothing()
    {
        await _host.Dataplane.DetachAsync(Id, "former", CancellationToken.None);
        Assert.That(_host.Kernel.Links, Has.Exactly(1).Items);
        await _host.Dataplane.DetachAsync(Id, "c1", CancellationToken.None);
        Assert.That(_host.Kernel.Links, Is.Empty);
    }

    [TestCase("former", 1)]
    [TestCase("c1", 0)]
    public async Task A_report_keeps_the_life_that_it_names_and_no_other_of_that_id(string reported, int collected)
    {
        Assert.That(await _host.Network.CollectAsync("", new(true, DateTimeOffset.UnixEpoch, [(Id, reported)], []), CancellationToken.None),
            Is.EqualTo(collected));
        Assert.That(_host.Kernel.Links.Count(), Is.EqualTo(1 - collected));
    }

    [Test]
    public async Task What_was_attached_in_an_earlier_boot_is_over_although_a_link_has_its_name()
    {
        var old = _host.Connector.Find(Id).Record;
        await _host.RebootAsync();
        Assert.That(_host.Connector.Book.TryFind(Id, out _), Is.False);

        _host.Connector.Book.Add(new(old, EndpointState.Closed));
        await _host.Kernel.WireAsync(old, null, CancellationToken.None);
        Assert.That(await _host.Connector.CollectDeadAsync(CancellationToken.None), Is.EqualTo(1));
    }

    [Test]
    public async Task Before_the_kernel_is_known_to_enforce_it_a_restored_endpoint_is_closed()
    {
        // Waits for the note in the log that it is complete.
        await _host.Connector.DisposeAsync();
        var life = _host.Connector.Find(Id);
        _host.Connector.Book.Remove(life);
        _host.Connector.Restore(e => throw e);
        Assert.That(_host.Connector.Find(Id).Status.State, Is.EqualTo(EndpointState.Closed));
    }

    [TestCase(true, false, EndpointState.Enforced)]
    [TestCase(true, true, EndpointState.Closed)]
    [TestCase(false, false, EndpointState.Enforced)]
    public async Task An_endpoint_whose_pair_stands_is_adopted_closed_if_its_labels_are_awaited(bool isComplete, bool isPending,
        EndpointState state)
    {
        var life = Restored(isComplete, isPending);
        await _host.Connector.AdoptAsync(CancellationToken.None);
        Assert.That((life.Status.State, life.Record.Complete), Is.EqualTo((state, true)));
    }

    [Test]
    public async Task An_endpoint_whose_pair_is_half_made_is_not_adopted()
    {
        var life = Restored(isComplete: false, isPending: false);
        _host.Kernel.Differences = ["the peer is not up"];
        await _host.Connector.AdoptAsync(CancellationToken.None);
        Assert.That((life.Status.State, life.Record.Complete), Is.EqualTo((EndpointState.Prepared, false)));
    }

    [TestCase("01:00:5e:00:00:01", "eth0")]
    [TestCase("ff:ff:ff:ff:ff:ff", "eth0")]
    [TestCase("00:00:00:00:00:00", "eth0")]
    [TestCase("ee:ee:ee:ee:ee:ee", "eth0")]
    [TestCase(null, "lo")]
    [TestCase(null, ".")]
    [TestCase(null, "a/b")]
    [TestCase(null, "sixteencharacter")]
    public void What_the_kernel_would_refuse_or_misuse_is_refused_before(string? mac, string interfaceName)
    {
        using var place = _host.CreateNamespace();
        var spec = Spec() with { Mac = mac is null ? null : PhysicalAddress.Parse(mac) };
        var refusal = Assert.Throws<CalicoException>(() => EndpointSpecRules.Check(spec, Placement.In(place, interfaceName)))!;
        Assert.That((refusal.Problem, refusal.Path), Is.EqualTo((Problem.Invalid, mac is null ? "placement.interfaceName" : "mac")));
    }

    private EndpointLife Restored(bool isComplete, bool isPending)
    {
        var life = _host.Connector.Find(Id);
        _host.Connector.Book.Remove(life);
        var again = new EndpointLife(life.Record with { Complete = isComplete, LabelsPending = isPending },
            isComplete ? EndpointState.Closed : EndpointState.Prepared);
        _host.Connector.Book.Add(again);
        return again;
    }

    private static EndpointSpec Spec() => new()
    {
        Id = Id,
        Instance = "c1",
        Profiles = ["net"],
        Claim = new() { Handle = "net.c1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
    };
}
