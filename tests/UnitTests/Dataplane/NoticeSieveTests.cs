using System.Net;
using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>Of all that the kernel tells, what the loop hears.</summary>
public sealed class NoticeSieveTests
{
    private const int Ours = 7;
    private const int Theirs = 8;

    private static readonly RouteEntry Route = new() { Destination = IPNetwork.Parse("10.65.0.2/32"), LinkIndex = Theirs,
        Protocol = new(80) };

    private readonly KeptLinks _links = new();
    private NoticeSieve _sieve = null!;

    [SetUp]
    public void SetUp()
    {
        // Under another name than its own, as somebody called it.
        _links.Add(new("calia", Ours, "calia a", 1450, HasIpv6: true));
        _sieve = new(new() { NodeName = "node-a", RouteProtocol = 80 }, [new(NftFamily.Inet, "calico")], _links, r =>
            r.Destination == Route.Destination, _ => false);
    }

    [Test]
    public void Of_links_those_with_our_prefix_and_ours_whatever_they_are_called()
    {
        Assert.That(Link(Ours, "elsewhere"), Is.True);
        Assert.That(Link(Theirs, "calib"), Is.True, "one that is wired by a former process, or takes a name of ours");
        Assert.That(Link(Theirs, "eth0"), Is.False);

        bool Link(int index, string name) =>
            _sieve.Concerns(new RouteEvent.LinkChanged(new() { Index = index, Name = name }, Removed: false));
    }

    [Test]
    public void Of_addresses_those_that_a_link_of_ours_lost()
    {
        Assert.That((Address(Ours, removed: true), Address(Ours, removed: false), Address(Theirs, removed: true)),
            Is.EqualTo((true, false, false)));

        bool Address(int link, bool removed) => _sieve.Concerns(new RouteEvent.AddressChanged(
            new() { LinkIndex = link, Address = IPAddress.Parse("fe80::ecee:eeff:feee:eeee"), PrefixLength = 64 }, removed));
    }

    [TestCase(Ours, true)]
    [TestCase(Theirs, false)]
    [TestCase(-1, true, Description = "of all links: written to ours too")]
    public void Of_settings_those_of_our_links_and_of_all(int link, bool concerns) =>
        Assert.That(_sieve.Concerns(new RouteEvent.SettingsChanged(link)), Is.EqualTo(concerns));

    [Test]
    public void Of_routes_those_of_ours_that_went_and_those_that_came_in_our_way()
    {
        Assert.That(_sieve.Concerns(new RouteEvent.RouteChanged(Route, Removed: true)), Is.True);
        Assert.That(_sieve.Concerns(new RouteEvent.RouteChanged(Route with { Protocol = RouteProtocol.Static }, Removed: true)), Is.False);
        Assert.That(_sieve.Concerns(new RouteEvent.RouteChanged(Route with { Protocol = RouteProtocol.Static }, Removed: false)), Is.True);
        Assert.That(_sieve.Concerns(new RouteEvent.RouteChanged(Route with { Destination = IPNetwork.Parse("10.65.0.3/32") },
            Removed: false)), Is.False);
    }

    [Test]
    public void Of_nftables_what_touched_our_tables_and_of_all_what_was_lost()
    {
        var change = new NftChange(1, 2, "nft", [new(NftFamily.Inet, "theirs"), new(NftFamily.Inet, "calico")], Lost: false);
        Assert.That(_sieve.Concerns(change), Is.True);
        Assert.That(_sieve.Concerns(change with { Tables = [new(NftFamily.Inet, "theirs")] }), Is.False);
        Assert.That(_sieve.Concerns(change with { Tables = [new(NftFamily.IPv4, "calico")] }), Is.False);
        Assert.That(_sieve.Concerns(change with { Tables = [], Lost = true }), Is.True);
        Assert.That(_sieve.Concerns(new RouteEvent.Lost()), Is.True);
    }
}
