using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Calico.Linux;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

/// <summary>What we write is what <c>ip</c> lists, and what we list ourselves.</summary>
public class RouteRoundTripTests
{
    private static readonly RouteProtocol Ours = new(80);

    [Test]
    public void Links_change_and_go_by_group()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);
        AddPair(route, "c", 12, "d", 13);

        route.Execute(b =>
        {
            b.ChangeLink(new LinkChange { Index = 10, Up = false });
            b.ChangeLink(new LinkChange
            {
                Index = 10, Name = "renamed", Mtu = 1400, Mac = PhysicalAddress.Parse("02:00:00:00:00:0a"), Group = 77, Alias = "an alias",
            });
            b.ChangeLink(new LinkChange { Index = 12, Group = 77 });
            b.ChangeLink(new LinkChange { Index = 10, Up = true });
        });

        var link = route.GetLink("renamed");
        Assert.That(link, Is.EqualTo(route.FindLink(10)));
        Assert.That((link.Kind, link.Mtu, link.Group, link.Alias, link.IsUp, link.PeerIndex),
            Is.EqualTo(("veth", 1400, 77u, "an alias", true, 11)));
        Assert.That(link.Mac, Is.EqualTo(PhysicalAddress.Parse("02:00:00:00:00:0a")));
        var listed = ns.Ip("link", "show", "renamed")[0]!;
        Assert.That(((int)listed["mtu"]!, (string)listed["address"]!, (string)listed["group"]!),
            Is.EqualTo((1400, "02:00:00:00:00:0a", "77")));
        Assert.That(route.ListLinks().Select(l => l.Name), Is.EquivalentTo(new[] { "lo", "renamed", "b", "c", "d" }));

        route.Execute(b => b.DeleteLinkGroup(77));
        Assert.That(route.ListLinks().Select(l => l.Name), Is.EqualTo(new[] { "lo" }));
        Assert.That(route.FindLink("renamed"), Is.Null);
        Assert.That(route.Send(Batch(b => b.DeleteLinkGroup(77))).Failures[0].Errno, Is.EqualTo(Errno.NoDevice));
        Assert.Throws<ArgumentOutOfRangeException>(() => Batch(b => b.DeleteLinkGroup(0)));
    }

    [Test]
    public void Ipv6_needs_no_waiting_for_duplicates()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        route.Execute(b =>
        {
            b.AddVeth(new VethPair { Name = "a", Index = 10, PeerName = "b", PeerIndex = 11 });
            b.ChangeLink(new LinkChange { Index = 10, AddressGeneration = AddressGenerationMode.None });
            b.ChangeLink(new LinkChange { Index = 11, Up = true });
            b.ChangeLink(new LinkChange { Index = 10, Up = true });
            b.AddAddress(new InterfaceAddress
            {
                LinkIndex = 10, Address = IPAddress.Parse("fd65::2"), PrefixLength = 128, SkipDuplicateDetection = true,
                    NoPrefixRoute = true,
            });
            b.AddRoute(new RouteEntry { Destination = IPNetwork.Parse("fd66::/64"), LinkIndex = 10, Protocol = Ours });
            b.AddRoute(new RouteEntry
            {
                Destination = IPNetwork.Parse("::/0"), Gateway = IPAddress.Parse("fe80::1"), LinkIndex = 10, Protocol = Ours, OnLink = true,
            });
        });

        var addresses = route.ListAddresses(10);
        Assert.That(addresses, Has.Count.EqualTo(1), "no link-local address by itself");
        Assert.That((addresses[0].Address, addresses[0].SkipDuplicateDetection, addresses[0].IsTentative),
            Is.EqualTo((IPAddress.Parse("fd65::2"), true, false)));
        var routes = route.ListRoutes(new RouteFilter { Family = AddressFamily.InterNetworkV6, Protocol = Ours });
        Assert.That(routes.Select(r => r.ToString()),
            Is.EquivalentTo(new[] { "fd66::/64 dev 10 metric 1024", "::/0 via fe80::1 dev 10 metric 1024" }));
        Assert.That((string)ns.Ip("-6", "route", "show", "default")[0]!["gateway"]!, Is.EqualTo("fe80::1"));

        route.Execute(b => b.DeleteAddress(addresses[0]));
        Assert.That(route.ListAddresses(10), Is.Empty);
    }

    [Test]
    public void Routes_are_added_replaced_filtered_and_deleted()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);
        route.Execute(b => b.ChangeLink(new LinkChange { Index = 1, Up = true }));
        var local = new RouteEntry { Destination = IPNetwork.Parse("10.65.0.2/32"), LinkIndex = 10, Protocol = Ours };
        var block = new RouteEntry { Destination = IPNetwork.Parse("10.65.0.0/26"), Kind = RouteKind.Blackhole, Protocol = Ours };
        var remote = new RouteEntry
        {
            Destination = IPNetwork.Parse("10.65.1.0/26"), Gateway = IPAddress.Parse("192.0.2.9"), LinkIndex = 10, OnLink = true,
            Protocol = Ours, Metric = 7, Table = 1000, Mtu = 1400,
        };
        var stranger = new RouteEntry { Destination = IPNetwork.Parse("10.99.0.0/16"), LinkIndex = 10 };

        route.Execute(b =>
        {
            b.AddRoute(local);
            b.AddRoute(block);
            b.AddRoute(remote);
            b.AddRoute(stranger);
        });

        Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours }).Select(r => r with { Scope = null }),
            Is.EquivalentTo(new[] { local, block, remote }));
        Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours, Kind = RouteKind.Blackhole }), Has.Count.EqualTo(1));
        Assert.That(route.ListRoutes(new RouteFilter { Table = 1000 }).Single().Gateway, Is.EqualTo(IPAddress.Parse("192.0.2.9")));
        Assert.That(route.ListRoutes(new RouteFilter { Table = 4242 }), Is.Empty);
        var listed = ns.Ip("route", "show", "table", "1000")[0]!;
        Assert.That(((string)listed["dst"]!, (string)listed["gateway"]!, (int)listed["metric"]!),
            Is.EqualTo(("10.65.1.0/26", "192.0.2.9", 7)));
        Assert.That((string)ns.Ip("route", "show", "type", "blackhole")[0]!["dst"]!, Is.EqualTo("10.65.0.0/26"));

        Assert.That(route.Send(Batch(b => b.AddRoute(local))).Failures.Single().Errno, Is.EqualTo(Errno.Exists));
        route.Execute(b => b.ReplaceRoute(local with { LinkIndex = 11 }));
        Assert.That(route.ListRoutes(new RouteFilter { LinkIndex = 11, Protocol = Ours }).Single().Destination,
            Is.EqualTo(local.Destination));

        route.Execute(b =>
        {
            b.DeleteRoute(local with { LinkIndex = 11 });
            b.DeleteRoute(block);
            b.DeleteRoute(remote);
        });
        Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours }), Is.Empty);
        Assert.That(route.Send(Batch(b => b.DeleteRoute(local))).Failures.Single().Errno, Is.EqualTo(Errno.NoProcess));
        Assert.That(route.ListRoutes(new RouteFilter { Protocol = RouteProtocol.Static }).Single().Destination,
            Is.EqualTo(stranger.Destination));
    }

    [Test]
    public void Routes_are_listed_as_announced()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);
        route.Execute(b => b.ChangeLink(new LinkChange { Index = 1, Up = true }));
        RouteEntry[] routes =
        [
            new() { Destination = IPNetwork.Parse("10.65.0.2/32"), LinkIndex = 10, Protocol = Ours },
            new() { Destination = IPNetwork.Parse("10.65.0.0/26"), Kind = RouteKind.Blackhole, Protocol = Ours },
            new() { Destination = IPNetwork.Parse("10.65.1.0/26"), Gateway = IPAddress.Parse("192.0.2.9"), LinkIndex = 10, OnLink = true,
                Protocol = Ours },
            new() { Destination = IPNetwork.Parse("10.66.0.0/16"), Kind = RouteKind.Unreachable, Table = 300, Metric = 9, Protocol = Ours },
            new() { Destination = IPNetwork.Parse("fd65::2/128"), LinkIndex = 10, Protocol = Ours },
            new() { Destination = IPNetwork.Parse("fd65::/122"), Kind = RouteKind.Blackhole, Protocol = Ours },
            new() { Destination = IPNetwork.Parse("fd66::/122"), Gateway = IPAddress.Parse("fe80::1"), LinkIndex = 10, OnLink = true,
                Protocol = Ours, Metric = 5 },
        ];

        using var batch = Batch(b => Array.ForEach(routes, b.AddRoute));
        route.Execute(batch);

        Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours }), Is.EquivalentTo(routes.Select(r => r.AsListed())));
        using var deletion = Batch(b =>
        {
            foreach (var listed in route.ListRoutes(new RouteFilter { Protocol = Ours }))
            {
                b.DeleteRoute(listed);
            }
        });
        route.Execute(deletion);
        Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours }), Is.Empty);
    }

    [Test]
    public void One_socket_serves_many_threads_while_links_come_and_go()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        for (var i = 0; i < 200; i++)
        {
            AddPair(route, $"a{i}", 100 + (2 * i), $"b{i}", 101 + (2 * i));
        }

        Parallel.For(0, 60, i =>
        {
            if (i % 3 == 0)
            {
                AddPair(route, $"x{i}", 1000 + (2 * i), $"y{i}", 1001 + (2 * i));
                route.Execute(b => b.ChangeLink(new LinkChange { Index = 1000 + (2 * i), Alias = $"x{i}" }));
            }
            else
            {
                Assert.That(route.ListLinks().Count(l => l.Name.StartsWith('a')), Is.EqualTo(200));
                Assert.That(route.FindLink($"a{i}")!.Index, Is.EqualTo(100 + (2 * i)));
                Assert.That(route.FindLink($"none{i}"), Is.Null);
            }
        });

        Assert.That(route.ListLinks().Count(l => l.Alias.StartsWith('x')), Is.EqualTo(20));
    }

    [Test]
    public void A_listing_is_whole_while_another_program_changes_routes()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        using var other = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);
        using var batch = Batch(b =>
        {
            for (var i = 0; i < 3000; i++)
            {
                b.AddRoute(new RouteEntry
                {
                    Destination = new IPNetwork(new IPAddress([10, 1, (byte)(i >> 8), (byte)i]), 32), LinkIndex = 10, Protocol = Ours,
                });
            }
        });
        route.Execute(batch);
        using var stop = new CancellationTokenSource();
        var churn = Task.Run(() =>
        {
            var extra = new RouteEntry { Destination = IPNetwork.Parse("10.200.0.0/24"), LinkIndex = 10 };
            while (!stop.IsCancellationRequested)
            {
                other.Execute(b => b.AddRoute(extra));
                other.Execute(b => b.DeleteRoute(extra));
            }
        });

        try
        {
            for (var i = 0; i < 50; i++)
            {
                Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours }), Has.Count.EqualTo(3000));
            }
        }
        finally
        {
            stop.Cancel();
            churn.Wait();
        }
    }

    [Test]
    public void An_ipv4_route_may_go_through_an_ipv6_gateway()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);

        route.Execute(b => b.AddRoute(new RouteEntry
        {
            Destination = IPNetwork.Parse("10.1.0.0/24"), Gateway = IPAddress.Parse("fe80::5"), LinkIndex = 10, Protocol = Ours,
        }));

        Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours }).Single().Gateway, Is.EqualTo(IPAddress.Parse("fe80::5")));
        Assert.That((string)ns.Ip("route", "show", "10.1.0.0/24")[0]!["via"]!["host"]!, Is.EqualTo("fe80::5"));
    }

    [Test]
    public void Rules_round_trip()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        var rule = new RoutingRule
        {
            Family = AddressFamily.InterNetwork, Priority = 99, Table = 1000, Mark = 0, MarkMask = 0x100000, Invert = true,
            Source = IPNetwork.Parse("10.65.0.0/16"), IncomingLink = "lo", Protocol = Ours,
        };
        var six = new RoutingRule { Family = AddressFamily.InterNetworkV6, Priority = 98, Table = 254, Mark = 0x10, Protocol = Ours };

        route.Execute(b =>
        {
            b.AddRule(rule);
            b.AddRule(six);
        });

        Assert.That(route.ListRules().Where(r => r.Protocol == Ours), Is.EquivalentTo(new[] { rule, six }));
        var listed = ns.Ip("rule", "show", "priority", "99")[0]!;
        Assert.That(((string)listed["src"]!, (int)listed["srclen"]!, (string)listed["iif"]!, (string)listed["table"]!),
            Is.EqualTo(("10.65.0.0", 16, "lo", "1000")));
        Assert.That(route.Send(Batch(b => b.AddRule(rule))).Failures.Single().Errno, Is.EqualTo(Errno.Exists));

        route.Execute(b =>
        {
            b.DeleteRule(rule);
            b.DeleteRule(six);
        });
        Assert.That(route.ListRules().Where(r => r.Protocol == Ours), Is.Empty);
        Assert.That(route.Send(Batch(b => b.DeleteRule(rule))).Failures.Single().Errno, Is.EqualTo(Errno.NoEntry));
    }

    [Test]
    public void Neighbours_round_trip()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);
        var entry = new NeighbourEntry
        {
            LinkIndex = 10, Address = IPAddress.Parse("169.254.1.1"), Mac = PhysicalAddress.Parse("ee:ee:ee:ee:ee:ee"),
        };

        route.Execute(b =>
        {
            b.SetNeighbour(entry with { Mac = PhysicalAddress.Parse("02:00:00:00:00:01") });
            b.SetNeighbour(entry);
        });

        Assert.That(route.ListNeighbours(10).Where(n => n.State == NeighbourStates.Permanent), Is.EqualTo(new[] { entry }));
        Assert.That(route.ListNeighbours(11).Where(n => n.State == NeighbourStates.Permanent), Is.Empty);
        Assert.That((string)ns.Ip("neigh", "show", "169.254.1.1")[0]!["lladdr"]!, Is.EqualTo("ee:ee:ee:ee:ee:ee"));
        route.Execute(b => b.DeleteNeighbour(entry));
        Assert.That(route.ListNeighbours(10).Where(n => n.State == NeighbourStates.Permanent), Is.Empty);
    }

    [Test]
    public void Vxlan_and_its_forwarding_table_round_trip()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);
        var entry = new ForwardingEntry
        {
            LinkIndex = 20, Mac = PhysicalAddress.Parse("66:00:00:00:00:01"), Remote = IPAddress.Parse("192.0.2.7"),
        };

        route.Execute(b =>
        {
            b.AddVxlan(new VxlanLink
            {
                Name = "vxlan.calico", Index = 20, Vni = 4096, Local = IPAddress.Parse("192.0.2.1"), ParentIndex = 10, Mtu = 1400,
                Mac = PhysicalAddress.Parse("66:00:00:00:00:02"), Up = true,
            });
            b.SetForwarding(entry);
        });

        var listed = ns.Ip("-d", "link", "show", "vxlan.calico")[0]!["linkinfo"]!["info_data"]!;
        Assert.That(((int)listed["id"]!, (int)listed["port"]!, (string)listed["local"]!, (bool)listed["learning"]!),
            Is.EqualTo((4096, 4789, "192.0.2.1", false)));
        Assert.That(route.ListForwarding(20), Is.EqualTo(new[] { entry }));
        Assert.That(ns.Inside("bridge", "fdb", "show", "dev", "vxlan.calico"), Does.Contain("66:00:00:00:00:01 dst 192.0.2.7"));
        route.Execute(b => b.DeleteForwarding(entry));
        Assert.That(route.ListForwarding(20), Is.Empty);
    }

    [Test]
    public void More_requests_than_one_send_takes_are_all_acknowledged()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        AddPair(route, "a", 10, "b", 11);
        using var batch = Batch(b =>
        {
            for (var i = 0; i < 5000; i++)
            {
                b.AddRoute(new RouteEntry
                {
                    Destination = new IPNetwork(new IPAddress([10, 1, (byte)(i >> 8), (byte)i]), 32), LinkIndex = 10, Protocol = Ours,
                });
            }

            b.DeleteLink(4711);
        });

        var outcome = route.Send(batch);

        Assert.That(outcome.Failures.Single(), Is.EqualTo(new RouteFailure(5000, "delete link 4711", Errno.NoDevice, null)));
        Assert.That(route.ListRoutes(new RouteFilter { Protocol = Ours }), Has.Count.EqualTo(5000));
    }

    [Test]
    public async Task Events_tell_what_changed()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        using var stream = ns.Broker.Run(ns.File,
            () => RouteEventStream.Open(
                RouteEventKinds.Links | RouteEventKinds.Addresses | RouteEventKinds.Routes | RouteEventKinds.Rules));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var link = false;
        var address = false;
        var added = false;
        var removed = false;

        AddPair(route, "a", 10, "b", 11);
        var entry = new RouteEntry { Destination = IPNetwork.Parse("10.65.0.2/32"), LinkIndex = 10, Protocol = Ours };
        route.Execute(b =>
        {
            b.AddAddress(new InterfaceAddress { LinkIndex = 10, Address = IPAddress.Parse("10.0.0.1"), PrefixLength = 32 });
            b.AddRoute(entry);
            b.DeleteRoute(entry);
        });

        await foreach (var change in stream.ReadAllAsync(limit.Token))
        {
            link |= change is RouteEvent.LinkChanged { Link.Name: "a", Link.Index: 10, Removed: false };
            address |= change is RouteEvent.AddressChanged { Address.LinkIndex: 10, Removed: false };
            added |= change is RouteEvent.RouteChanged { Removed: false } a && a.Route.Destination == entry.Destination;
            removed |= change is RouteEvent.RouteChanged { Removed: true } r && r.Route.Destination == entry.Destination;
            if (removed)
            {
                break;
            }
        }

        Assert.That((link, address, added, removed), Is.EqualTo((true, true, true, true)));
    }

    [Test]
    public async Task Routes_of_ignored_sockets_are_not_told_and_what_the_kernel_does_of_itself_is()
    {
        using var ns = new ScratchNamespace();
        using var first = ns.OpenRoute();
        using var second = ns.OpenRoute();
        using var other = ns.OpenRoute();
        using var stream = ns.Broker.Run(ns.File, () => RouteEventStream.Open(RouteEventKinds.Links | RouteEventKinds.Routes));
        stream.IgnoreDoingsOf(first.PortId, second.PortId);
        AddPair(first, "a", 10, "b", 11);
        first.Execute(b => b.AddRoute(Route(1)));
        second.Execute(b => b.AddRoute(Route(2)));
        other.Execute(b => b.AddRoute(Route(3)));
        other.Execute(b => b.DeleteRoute(Route(2)));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        List<string> told = [];
        var isUp = false;

        await foreach (var change in stream.ReadAllAsync(limit.Token))
        {
            isUp |= change is RouteEvent.LinkChanged { Link: { Name: "a", IsUp: true }, Removed: false };
            if (change is RouteEvent.RouteChanged r && r.Route.Protocol == Ours)
            {
                told.Add($"{(r.Removed ? "-" : "+")}{r.Route.Destination}");
            }

            if (told is [.., "-10.65.0.2/32"])
            {
                break;
            }
        }

        Assert.That(told, Is.EqualTo(new[] { "+10.65.0.3/32", "-10.65.0.2/32" }));
        Assert.That(isUp, Is.True, "that the link came up");

        static RouteEntry Route(byte last) =>
            new() { Destination = IPNetwork.Parse($"10.65.0.{last}/32"), LinkIndex = 10, Protocol = Ours };
    }

    [Test]
    public async Task A_flood_that_overflows_the_buffer_is_told_as_lost()
    {
        using var ns = new ScratchNamespace();
        using var route = ns.OpenRoute();
        using var stream = ns.Broker.Run(ns.File, () => RouteEventStream.Open(RouteEventKinds.Routes, 64 * 1024));
        AddPair(route, "a", 10, "b", 11);
        using var batch = Batch(b =>
        {
            for (var i = 0; i < 1000; i++)
            {
                b.AddRoute(new RouteEntry
                {
                    Destination = new IPNetwork(new IPAddress([10, 1, (byte)(i >> 8), (byte)i]), 32), LinkIndex = 10, Protocol = Ours,
                });
            }
        });
        route.Execute(batch);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));

        var lost = false;
        await foreach (var change in stream.ReadAllAsync(limit.Token))
        {
            if (change is RouteEvent.Lost)
            {
                lost = true;
                route.Execute(b => b.AddRoute(new RouteEntry { Destination = IPNetwork.Parse("10.250.0.0/32"), LinkIndex = 10 }));
            }

            if (lost && change is RouteEvent.RouteChanged r && r.Route.Destination == IPNetwork.Parse("10.250.0.0/32"))
            {
                Assert.Pass("lost, and then it went on");
            }
        }

        Assert.Fail("the stream ended");
    }

    private static void AddPair(RouteSocket route, string name, int index, string peer, int peerIndex) => route.Execute(b =>
    {
        b.AddVeth(new VethPair { Name = name, Index = index, PeerName = peer, PeerIndex = peerIndex, Up = true });
        b.ChangeLink(new LinkChange { Index = peerIndex, Up = true });
    });

    private static RouteBatch Batch(Action<RouteBatch> fill)
    {
        var batch = new RouteBatch();
        fill(batch);
        return batch;
    }
}
