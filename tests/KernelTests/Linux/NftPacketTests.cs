using System.Net;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

/// <summary>Rules that text cannot say, judged by packets: the maps of a classifier, one lookup feeding the next.</summary>
public class NftPacketTests
{
    private const byte Ipv4 = 2;
    private const byte Udp = 17;
    private const uint AllowDecision = 1;
    private const uint DenyDecision = 2;

    private static readonly NftTable Table = new(NftFamily.Inet, "calico");
    private static readonly IPAddress Workload = IPAddress.Parse("10.65.0.2");
    private static readonly IPAddress Host = IPAddress.Parse("192.0.2.1");

    [Test]
    public void A_classifier_judges_and_still_lists()
    {
        using var host = new ScratchNamespace();
        using var workload = new ScratchNamespace();
        using var route = host.OpenRoute();
        WiringTests.Wire(route, workload, 1001, 2, "cali0001", Workload);
        host.Inside("ip", "address", "add", "192.0.2.1/32", "dev", "lo");
        host.Inside("ip", "link", "set", "lo", "up");
        using var nft = host.OpenNft();
        using var batch = new NftBatch();
        WriteClassifier(batch);
        nft.Commit(batch);

        Assert.That(Datagram.Passes(workload, host, new IPEndPoint(Host, 5000)), Is.True, "an allowed cell");
        Assert.That(Datagram.Passes(workload, host, new IPEndPoint(Host, 5001)), Is.False, "a denied cell");
        Assert.That(Datagram.Passes(workload, host, new IPEndPoint(Host, 5002)), Is.False, "no cell: the rule after");
        Assert.That(nft.ListCounters(Table).ToDictionary(c => c.Name, c => c.Packets), Is.EqualTo(new Dictionary<string, ulong>
        {
            ["deny"] = 1, ["drop-default"] = 1, ["port-5000"] = 1, ["port-other"] = 2,
        }));
        Assert.That(nft.ListRules(Table, "allow")[0].Counter!.Packets, Is.EqualTo(1));

        var listed = host.Inside("nft", "list", "ruleset");
        Assert.That(listed, Does.Contain("meta mark set iifname map @list").And.Contain("vmap @decisions"));
        Assert.That(host.Inside("nft", "-j", "list", "ruleset"), Does.Contain("\"cells\""));

        // The class of the address changes, and with it the fate.
        batch.Clear();
        batch.DeleteElement(Table, "classes", NftElement.Of(NftValue.Address(Host)));
        nft.Commit(batch);
        Assert.That(Datagram.Passes(workload, host, new IPEndPoint(Host, 5000)), Is.False, "class 0 has no cell");
    }

    [Test]
    public void Ranges_over_a_joined_key_decide_port_classes()
    {
        using var ns = new ScratchNamespace();
        ns.Inside("ip", "link", "set", "lo", "up");
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        var ports = NftSet.Of("ports", NftDataType.Joined(NftDataType.Protocol, NftDataType.Service)) with { Interval = true };
        batch.AddTable(Table);
        batch.AddSet(Table, ports);
        batch.AddElements(Table, "ports", NftInterval.Range(Key(6000), Key(6999)));
        batch.AddBaseChain(Table, "in", NftChainType.Filter, NftHook.Input, 0);
        batch.AddRule(Table, "in", Meta.Load(MetaKey.TransportProtocol, NftRegister.Word(0)),
            Payload.DestinationPort(NftRegister.Word(1)), Lookup.In("ports", NftRegister.Word(0)), new Counter(), Verdict.Drop);
        nft.Commit(batch);

        Assert.That(Datagram.Passes(ns, ns, new IPEndPoint(IPAddress.Loopback, 6999)), Is.False);
        Assert.That(Datagram.Passes(ns, ns, new IPEndPoint(IPAddress.Loopback, 7000)), Is.True);
        Assert.That(nft.ListRules(Table, "in")[0].Counter!.Packets, Is.EqualTo(1));
        Assert.That(nft.ListSets(Table)[0].Matches(ports), Is.True);
        Assert.That(ns.Inside("nft", "list", "ruleset"), Does.Contain("0x1100000017700000-0x110000001b570000"));

        static NftValue Key(ushort port) => NftValue.Concat(NftValue.Byte(Udp), NftValue.BigEndian(port));
    }

    [Test]
    public void A_connection_limit_lets_so_many_through()
    {
        using var ns = new ScratchNamespace();
        ns.Inside("ip", "link", "set", "lo", "up");
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddBaseChain(Table, "in", NftChainType.Filter, NftHook.Input, 0);
        batch.AddRule(Table, "in", Connection.Load(ConntrackKey.State, NftRegister.Word(0)),
            Bitwise.And(NftRegister.Word(0), NftValue.Native((uint)ConntrackStates.New)),
            Compare.NotEqual(NftRegister.Word(0), NftValue.Native(0)), new ConnectionLimit(2, Over: true), Verdict.Drop);
        nft.Commit(batch);

        bool[] passed = [.. Enumerable.Range(0, 4).Select(i => Datagram.Passes(ns, ns, new IPEndPoint(IPAddress.Loopback, 6000 + i)))];

        Assert.That(passed, Is.EqualTo(new[] { true, true, false, false }));
        Assert.That(ns.Inside("nft", "list", "ruleset"), Does.Contain("ct state new ct count over 2 drop"));
    }

    /// <summary>Interface to list, address to class, (list, class, protocol, port) to decision, decision to chain; by way of the packet
    /// mark.</summary>
    private static void WriteClassifier(NftBatch batch)
    {
        NftRegister r0 = NftRegister.Word(0), r1 = NftRegister.Word(1), r2 = NftRegister.Word(2), r3 = NftRegister.Word(3);
        NftRegister key = NftRegister.Word(4), saved = NftRegister.Word(8), found = NftRegister.Word(9);
        batch.AddTable(Table);
        foreach (var counter in new[] { "deny", "drop-default", "port-5000", "port-other" })
        {
            batch.AddCounter(Table, counter);
        }

        batch.AddChain(Table, "allow");
        batch.AddRule(Table, "allow", new Counter(), Verdict.Accept);
        batch.AddChain(Table, "deny");
        batch.AddRule(Table, "deny", Counter.Named("deny"), Verdict.Drop);

        batch.AddSet(Table, NftSet.Map("list", NftDataType.Mark, NftDataType.LinkName));
        batch.AddSet(Table, NftSet.Map("classes", NftDataType.Mark, NftDataType.IPv4Address));
        batch.AddSet(Table, NftSet.Map("cells", NftDataType.Mark, NftDataType.Mark, NftDataType.Mark, NftDataType.Protocol,
            NftDataType.Service));
        batch.AddSet(Table, NftSet.VerdictMap("decisions", NftDataType.Mark));
        batch.AddSet(Table, NftSet.CounterMap("ports", NftDataType.Service));
        batch.AddElement(Table, "list", NftElement.Of(NftValue.LinkName("cali0001"), NftValue.Native(3)));
        batch.AddElement(Table, "classes", NftElement.Of(NftValue.Address(Host), NftValue.Native(7)));
        batch.AddElement(Table, "classes", NftElement.CatchAll(NftValue.Native(0)));
        batch.AddElement(Table, "cells", NftElement.Of(Cell(5000), NftValue.Native(AllowDecision)));
        batch.AddElement(Table, "cells", NftElement.Of(Cell(5001), NftValue.Native(DenyDecision)));
        batch.AddElement(Table, "cells", NftElement.CatchAll(NftValue.Native(0)));
        batch.AddElement(Table, "decisions", NftElement.Of(NftValue.Native(AllowDecision), NftVerdict.Goto("allow")));
        batch.AddElement(Table, "decisions", NftElement.Of(NftValue.Native(DenyDecision), NftVerdict.Goto("deny")));
        batch.AddElement(Table, "ports", NftElement.OfCounter(NftValue.BigEndian(5000), "port-5000"));
        batch.AddElement(Table, "ports", new NftElement { Flags = NftElementFlags.CatchAll, Object = "port-other" });

        batch.AddBaseChain(Table, "in", NftChainType.Filter, NftHook.Input, 0);
        batch.AddRule(Table, "in", Meta.Load(MetaKey.TransportProtocol, r0), Compare.Equal(r0, NftValue.Byte(Udp)),
            Meta.Load(MetaKey.IncomingName, key), Compare.Equal(key, NftValue.LinkNamePrefix("cali")),
            Payload.DestinationPort(r0), new ObjectMapReference("ports", r0));
        batch.AddRule(Table, "in",
            Meta.Load(MetaKey.NetworkFamily, r0), Compare.Equal(r0, NftValue.Byte(Ipv4)),
            Meta.Load(MetaKey.Mark, saved), Meta.Load(MetaKey.TransportProtocol, r2), Payload.DestinationPort(r3),
            Meta.Load(MetaKey.IncomingName, key), Lookup.Data("list", key, found), Meta.Set(MetaKey.Mark, found),
            Meta.Load(MetaKey.Mark, r0),
            Payload.DestinationIPv4(key), Lookup.Data("classes", key, found), Meta.Set(MetaKey.Mark, found), Meta.Load(MetaKey.Mark, r1),
            Lookup.Data("cells", r0, found), Meta.Set(MetaKey.Mark, found), Meta.Load(MetaKey.Mark, r0), Meta.Set(MetaKey.Mark, saved),
            Lookup.Verdict("decisions", r0));
        batch.AddRule(Table, "in", Meta.Load(MetaKey.IncomingName, key), Compare.Equal(key, NftValue.LinkNamePrefix("cali")),
            Counter.Named("drop-default"), Verdict.Drop);

        static NftValue Cell(ushort port) =>
            NftValue.Concat(NftValue.Native(3), NftValue.Native(7), NftValue.Byte(Udp), NftValue.BigEndian(port));
    }
}
