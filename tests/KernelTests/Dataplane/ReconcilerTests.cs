using Calico.Dataplane;
using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Workloads;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.KernelTests.Linux;
using Calico.Linux.Route;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.KernelTests.Dataplane;

/// <summary>The reconcilers of links and routes without the loop: told one notice, what they say and what the kernel holds then.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ReconcilerTests : IDisposable
{
    private const string LinkLocal = "fe80::ecee:eeff:feee:eeee";

    private static readonly DataplaneOptions Options = new() { NodeName = "node-a" };

    private ScratchNamespace _host = null!;
    private KeptLinks _kept = null!;
    private RouteSocket _look = null!;
    private RouteReconciler _routes = null!;
    private SettingsReconciler _settings = null!;

    [SetUp]
    public void SetUp()
    {
        _host = new();
        (_kept, _look) = (new(), _host.OpenRoute());
        _routes = new(_host.OpenRoute(), Options, new(), _kept);
        var network = new HostNetwork(_host.Broker, _host.File);
        _settings = new(new(network), new LinkKeeper(_host.OpenRoute(), _kept, network, Options, NullLogger.Instance));
        // The 127.0.0.1 that every host has: without one the kernel has no local table.
        Run("ip link set lo up");
    }

    public void Dispose()
    {
        _routes?.Dispose();
        _settings?.Dispose();
        _look?.Dispose();
        _host?.Dispose();
    }

    private void Run(string command) => _host.Inside("sh", "-c", command);

    /// <summary>A host side, up, as the wiring leaves it.</summary>
    private int Keep(string name)
    {
        Run($"ip link add {name} type veth peer name p-{name} && ip link set p-{name} up && ip link set {name} up");
        var index = _look.GetLink(name).Index;
        _kept.Add(new(name, index, name + " a", 1400, HasIpv6: true));
        _settings.Notice(new RouteEvent.LinkChanged(_look.FindLink(index)!, Removed: false));
        Assert.That(_settings.Notice(new RouteEvent.LinkChanged(_look.FindLink(index)!, Removed: false)).Healed, Is.Empty,
            "all of it was put right");
        return index;
    }

    private void Desire(string destination, string? link)
    {
        Assert.That(Cidr.TryParse(destination, out var cidr), Is.True);
        _routes.Apply(new RouteUpdate(cidr, link));
    }

    private string Route(string destination) => _host.Inside("ip", destination.Contains(':', StringComparison.Ordinal) ? "-6" : "-4",
        "route", "show", "exact", destination).Trim();

    [Test]
    public void D_a_link_that_had_another_name_was_no_policys_and_one_with_another_alias_was()
    {
        var index = Keep("calia");
        Run("ip link set calia alias mine");
        var found = Look();
        Assert.That((found.Healed.Single(), found.WasGap), Is.EqualTo(("link calia (alias 'mine')", false)));
        Run("ip link set calia down; ip link set calia name elsewhere; ip link set elsewhere up");
        found = Look();
        Assert.That(found.Healed.Single(), Does.StartWith("link calia (name elsewhere"));
        Assert.That(found.WasGap, Is.True);
        Assert.That(_look.FindLink(index)!.Name, Is.EqualTo("calia"));

        Reconciled Look() => _settings.Notice(new RouteEvent.LinkChanged(_look.FindLink(index)!, Removed: false));
    }

    [Test]
    public void D_an_address_that_is_lost_and_settings_of_all_links_that_are_written_are_looked_after()
    {
        var index = Keep("calia");
        // Of the host itself: that it forwards.
        _settings.Notice(new RouteEvent.Lost());
        Run($"ip addr del {LinkLocal}/64 dev calia");
        var found = _settings.Notice(new RouteEvent.AddressChanged(
            new() { LinkIndex = index, Address = System.Net.IPAddress.Parse(LinkLocal), PrefixLength = 64 }, Removed: true));
        Assert.That(found.Healed, Has.Length.EqualTo(1).And.Some.Contains($"no address {LinkLocal}"));
        Assert.That(_look.ListAddresses(index).Select(a => a.Address.ToString()), Has.Some.EqualTo(LinkLocal));

        Run("sysctl -qw net.ipv4.conf.calia.proxy_arp=0");
        Assert.That(_settings.Notice(new RouteEvent.SettingsChanged(-1)).Healed, Has.Length.EqualTo(1).And.Some.Contains("IPv4 settings"));
        Assert.That(_host.Inside("sysctl", "-n", "net.ipv4.conf.calia.proxy_arp").Trim(), Is.EqualTo("1"));
    }

    [TestCase("10.65.0.0/26")]
    [TestCase("fd00:65::/122")]
    public void D_a_route_to_somewhere_in_the_place_of_one_to_nowhere_is_not_the_one_that_is_wanted(string block)
    {
        Keep("calia");
        Run($"ip route add {block} dev calia proto {Options.RouteProtocol}");
        Desire(block, null);
        _routes.Commit(0);
        Assert.That(Route(block), Does.StartWith("blackhole"));
    }

    [TestCase("10.65.0.2/32")]
    [TestCase("fd00:65::2/128")]
    public void D_a_route_over_a_link_that_is_down_is_not_said_to_be_restored(string address)
    {
        Keep("calia");
        Desire(address, "calia");
        _routes.Commit(0);
        Assert.That(Route(address), Does.Contain("dev calia"));
        Run("ip link set calia down");
        var gone = new RouteEntry { Destination = System.Net.IPNetwork.Parse(address), LinkIndex = _look.GetLink("calia").Index,
            Protocol = new((byte)Options.RouteProtocol) };
        Assert.That(_routes.Notice(new RouteEvent.RouteChanged(gone, Removed: true)).Healed, Is.Empty);

        Run("ip link set calia up");
        _routes.Notice(new RouteEvent.LinkChanged(_look.GetLink("calia"), Removed: false));
        Assert.That(Route(address), Does.Contain("dev calia"));
    }

    [Test]
    public void D_a_strangers_link_that_has_the_name_of_ours_gets_no_route()
    {
        const string Address = "10.65.0.2/32";
        var index = Keep("calia");
        Desire(Address, "calia");
        _routes.Commit(0);
        Run("ip link set calia down; ip link set calia name elsewhere; ip link set elsewhere up; ip link add calia type veth peer name "
            + "other; ip link set calia up");
        var stranger = _look.GetLink("calia");
        Assert.That(stranger.Index, Is.Not.EqualTo(index));
        _routes.Notice(new RouteEvent.LinkChanged(stranger, Removed: false));
        Assert.That(Route(Address), Is.Empty, "the kernel took it with the link that went down");
        _routes.Notice(new RouteEvent.LinkChanged(_look.FindLink(index)!, Removed: false));
        Assert.That(Route(Address), Does.Contain("dev elsewhere"));
        _routes.Doubt();
        _routes.Commit(0);
        Assert.That(Route(Address), Does.Contain("dev elsewhere"), "and a comparison leaves it there");
    }
}
