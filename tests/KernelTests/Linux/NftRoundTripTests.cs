using System.Net;
using Calico.Linux;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

/// <summary>What we make is what <c>nft</c> lists, and what we list ourselves.</summary>
public class NftRoundTripTests
{
    private static readonly NftTable Table = new(NftFamily.Inet, "calico");
    private static readonly NftRegister R0 = NftRegister.Word(0);
    private static readonly NftRegister R4 = NftRegister.Word(4);

    private static IEnumerable<TestCaseData> Rules()
    {
        TestCaseData In(string chain, params NftExpression[] steps) =>
            new TestCaseData(chain, steps.ToList()).SetArgDisplayNames(chain, string.Join(' ', steps.Select(s => s.Name)));
        var (wide, r8) = (NftRegister.Wide(2), NftRegister.Word(8));
        yield return In("raw", Meta.Load(MetaKey.Mark, r8), Bitwise.Or(r8, 0x10000), Meta.Set(MetaKey.Mark, r8));
        yield return In("raw", Meta.Load(MetaKey.Length, wide), Compare.NotEqual(wide, NftValue.Native(0)), new NoTrack());
        yield return In("raw", Fib.ReversePath(R0), Compare.Equal(R0, NftValue.Native(0)), Counter.Named("drop-x"), Verdict.Drop);
        yield return In("raw", Payload.DestinationIPv6(R4), Lookup.NotIn("set", R4), Verdict.Jump("target"));
        yield return In("raw", Meta.Load(MetaKey.IncomingName, R4), Lookup.Data("map", R4, R0), new Immediate(R0, NftValue.Native(0)));
        yield return In("raw", Meta.Load(MetaKey.Mark, R0), Lookup.Verdict("verdicts", R0));
        yield return In("in", Meta.Load(MetaKey.Mark, R0), new ObjectMapReference("counters", R0), new Counter(7, 8));
        yield return In("in", Connection.Load(ConntrackKey.State, R0), new ConnectionLimit(3, Over: true), Verdict.Goto("target"));
        yield return In("in", new Limit(10, TimeSpan.FromSeconds(1)),
            new Limit(1 << 20, TimeSpan.FromMinutes(1), 100, InBytes: true, Over: true));
        yield return In("in", new Log("in|1 ", 0, 80), new Log("", 5), new Log("kernel"));
        yield return In("in", [.. Tcp(), Reject.TcpReset]);
        yield return In("in", Reject.PortUnreachable);
        yield return In("in", Payload.DestinationPort(R0),
            new RangeMatch(R0, NftValue.BigEndian((ushort)0), NftValue.BigEndian((ushort)9), Inverted: true), Verdict.Return);
        yield return In("pre-nat", [.. IPv4(), new Immediate(R0, NftValue.Native(1)), new Immediate(R4, NftValue.BigEndian((ushort)80)),
            Nat.Destination(NftFamily.IPv4, R0, R4)]);
        yield return In("post-nat",
            [.. IPv6(), new Immediate(R4, new NftValue(new byte[16])), Nat.Source(NftFamily.IPv6, R4, null, NatFlags.Persistent)]);
        yield return In("post-nat", new Immediate(R0, NftValue.BigEndian((ushort)1)), new Immediate(R4, NftValue.BigEndian((ushort)2)),
            new Masquerade(NatFlags.FullyRandom, R0, R4));
    }

    [TestCaseSource(nameof(Rules))]
    public void A1_a_rule_reads_back_as_what_was_sent_whatever_its_expressions(string chain, List<NftExpression> steps)
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddCounter(Table, "drop-x");
        batch.AddChain(Table, "target");
        batch.AddSet(Table, NftSet.Of("set", NftDataType.IPv6Address));
        batch.AddSet(Table, NftSet.Map("map", NftDataType.Mark, NftDataType.LinkName));
        batch.AddSet(Table, NftSet.VerdictMap("verdicts", NftDataType.Mark));
        batch.AddSet(Table, NftSet.CounterMap("counters", NftDataType.Mark));
        batch.AddBaseChain(Table, "raw", NftChainType.Filter, NftHook.Prerouting, -300);
        batch.AddBaseChain(Table, "in", NftChainType.Filter, NftHook.Input, 0);
        batch.AddBaseChain(Table, "pre-nat", NftChainType.Nat, NftHook.Prerouting, -100);
        batch.AddBaseChain(Table, "post-nat", NftChainType.Nat, NftHook.Postrouting, 100);
        var sent = NftRule.Of([.. steps]);
        batch.AddRule(Table, chain, sent);
        nft.Commit(batch);
        var read = nft.ReadTable(Table)!;
        Assert.That(read.Rules.Single().Content, Is.EqualTo(NftRuleContent.Of(sent)));
        Assert.That(read.Rules.Single().Content, Is.Not.EqualTo(NftRuleContent.Of(NftRule.Of([.. steps.SkipLast(1)]))));
        Assert.That(read.Sets.Single(s => s.Name == "counters").Matches(NftSet.CounterMap("counters", NftDataType.Mark)), Is.True);
    }

    [Test]
    public void Every_expression_lists_as_its_text()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddCounter(Table, "drop-x");
        batch.AddChain(Table, "target");
        batch.AddBaseChain(Table, "raw", NftChainType.Filter, NftHook.Prerouting, -300);
        batch.AddBaseChain(Table, "in", NftChainType.Filter, NftHook.Input, 0, policyDrop: true);
        batch.AddBaseChain(Table, "pre-nat", NftChainType.Nat, NftHook.Prerouting, -100);
        batch.AddBaseChain(Table, "post-nat", NftChainType.Nat, NftHook.Postrouting, 100);
        batch.AddRule(Table, "raw", Meta.Load(MetaKey.Mark, R0), Bitwise.And(R0, NftValue.Native(0xfffcffff)), Meta.Set(MetaKey.Mark, R0));
        batch.AddRule(Table, "raw", Meta.Load(MetaKey.Mark, R0), Bitwise.Or(R0, 0x10000), Meta.Set(MetaKey.Mark, R0));
        batch.AddRule(Table, "raw", Meta.Load(MetaKey.IncomingName, R4), Compare.Equal(R4, NftValue.LinkNamePrefix("cali")),
            Verdict.Goto("target"));
        batch.AddRule(Table, "raw", Fib.ReversePath(R0), Compare.Equal(R0, NftValue.Native(0)), Counter.Named("drop-x"), Verdict.Drop);
        batch.AddRule(Table, "raw", [.. Udp(), Payload.DestinationPort(R0), Compare.Equal(R0, NftValue.BigEndian(4789)), new NoTrack()]);
        batch.AddRule(Table, "in", Connection.Load(ConntrackKey.State, R0),
            Bitwise.And(R0, NftValue.Native((uint)(ConntrackStates.Established | ConntrackStates.Related))),
            Compare.NotEqual(R0, NftValue.Native(0)), Verdict.Accept);
        batch.AddRule(Table, "in", [.. Tcp(), Payload.DestinationPort(R0),
            new RangeMatch(R0, NftValue.BigEndian(8000), NftValue.BigEndian(8080)), new Counter(), Verdict.Accept]);
        batch.AddRule(Table, "in", new Limit(10, TimeSpan.FromSeconds(1)), new Log("in|1 ", 5, 80));
        batch.AddRule(Table, "in", [.. Tcp(), Reject.TcpReset]);
        batch.AddRule(Table, "in", Reject.AdministrativelyProhibited);
        batch.AddRule(Table, "in", Connection.Load(ConntrackKey.Status, R0),
            Bitwise.And(R0, NftValue.Native((uint)ConntrackStatuses.DestinationNat)), Compare.NotEqual(R0, NftValue.Native(0)),
            Verdict.Jump("target"));
        batch.AddRule(Table, "target", new NftRule([Verdict.Return]) { Comment = "tier|policy|0" });
        batch.AddRule(Table, "target", Meta.Load(MetaKey.Mark, R0), Connection.Set(ConntrackKey.Mark, R0));
        batch.AddRule(Table, "pre-nat", [.. IPv4(), Payload.DestinationIPv4(R0),
            Compare.Equal(R0, NftValue.Address(IPAddress.Parse("192.0.2.100"))),
            new Immediate(R0, NftValue.Address(IPAddress.Parse("10.65.0.2"))), Nat.Destination(NftFamily.IPv4, R0)]);
        batch.AddRule(Table, "in", Meta.Load(MetaKey.IncomingName, NftRegister.Wide(1)),
            Compare.Equal(NftRegister.Wide(1), NftValue.LinkName("wide")), Verdict.Accept);
        batch.AddRule(Table, "post-nat", Meta.Load(MetaKey.OutgoingName, R4), Compare.NotEqual(R4, NftValue.LinkName("lo")),
            new Masquerade(NatFlags.FullyRandom));
        batch.AddRule(Table, "post-nat", [.. IPv6(), Payload.SourceIPv6(R4),
            Compare.Equal(R4, NftValue.Address(IPAddress.Parse("fd65::2"))),
            new Immediate(R4, NftValue.Address(IPAddress.Parse("2001:db8::2"))), Nat.Source(NftFamily.IPv6, R4)]);

        nft.Commit(batch);

        var listed = ns.Inside("nft", "-s", "list", "table", "inet", "calico");
        TestContext.Out.WriteLine(listed);
        string[] expected =
        [
            "type filter hook prerouting priority raw; policy accept;",
            "type filter hook input priority filter; policy drop;",
            "type nat hook postrouting priority srcnat; policy accept;",
            "meta mark set meta mark & 0xfffcffff",
            "meta mark set meta mark | 0x00010000",
            "iifname \"cali*\" goto target",
            "fib saddr . iif oif 0 counter name \"drop-x\" drop",
            "udp dport 4789 notrack",
            "ct state established,related accept",
            "tcp dport 8000-8080 counter accept",
            "limit rate 10/second log prefix \"in|1 \" group 5 snaplen 80",
            "reject with tcp reset",
            "reject with icmpx admin-prohibited",
            "ct status dnat jump target",
            "iifname \"wide\" accept",
            "return comment \"tier|policy|0\"",
            "ct mark set meta mark",
            "ip daddr 192.0.2.100 dnat ip to 10.65.0.2",
            "oifname != \"lo\" masquerade fully-random",
            "ip6 saddr fd65::2 snat ip6 to 2001:db8::2",
        ];
        Assert.Multiple(() =>
        {
            foreach (var line in expected)
            {
                Assert.That(listed, Does.Contain(line));
            }
        });
    }

    [Test]
    public void Sets_and_maps_list_as_their_text()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddChain(Table, "wl-a");
        batch.AddCounter(Table, "c1");
        batch.AddSet(Table, NftSet.Of("s4", NftDataType.IPv4Address) with { Interval = true });
        batch.AddSet(Table, NftSet.Of("s6", NftDataType.IPv6Address));
        batch.AddSet(Table, NftSet.Of("rpf-skip", NftDataType.LinkName, NftDataType.IPv4Address) with { Interval = true });
        batch.AddSet(Table, NftSet.VerdictMap("from-wl", NftDataType.LinkName));
        batch.AddSet(Table, NftSet.Map("cls4", NftDataType.Mark, NftDataType.IPv4Address));
        batch.AddSet(Table, NftSet.Map("x0", NftDataType.Mark, NftDataType.Mark, NftDataType.Mark, NftDataType.Protocol,
            NftDataType.Service));
        batch.AddSet(Table, NftSet.CounterMap("counts", NftDataType.Service));
        batch.AddElements(Table, "s4", NftInterval.Prefix(IPNetwork.Parse("10.0.0.0/24")));
        batch.AddElements(Table, "s4", NftInterval.Prefix(IPNetwork.Parse("255.255.255.0/24")));
        batch.AddElement(Table, "s6", NftElement.Of(NftValue.Address(IPAddress.Parse("fd65::3"))));
        batch.AddElement(Table, "rpf-skip", NftElement.Ranges(
            NftValue.Concat(NftValue.LinkName("cali-a"), NftValue.Address(IPAddress.Parse("10.1.0.0"))),
            NftValue.Concat(NftValue.LinkName("cali-a"), NftValue.Address(IPAddress.Parse("10.1.0.255")))));
        batch.AddElement(Table, "from-wl", NftElement.Of(NftValue.LinkName("cali-a"), NftVerdict.Goto("wl-a")));
        batch.AddElement(Table, "from-wl", NftElement.Of(NftValue.LinkName("cali-b"), NftVerdict.Drop));
        batch.AddElement(Table, "cls4", NftElement.Of(NftValue.Address(IPAddress.Parse("10.65.0.2")), NftValue.Native(7)));
        batch.AddElement(Table, "cls4", NftElement.CatchAll(NftValue.Native(0)));
        batch.AddElement(Table, "x0", NftElement.Of(
            NftValue.Concat(NftValue.Native(1), NftValue.Native(7), NftValue.Byte(6), NftValue.BigEndian(80)), NftValue.Native(42)));
        batch.AddElement(Table, "counts", NftElement.OfCounter(NftValue.BigEndian(80), "c1"));

        nft.Commit(batch);

        var listed = ns.Inside("nft", "list", "table", "inet", "calico");
        TestContext.Out.WriteLine(listed);
        Assert.Multiple(() =>
        {
            Assert.That(listed, Does.Contain("elements = { 10.0.0.0/24, 255.255.255.0/24 }"));
            Assert.That(listed, Does.Contain("elements = { fd65::3 }"));
            Assert.That(listed, Does.Contain("type ifname . ipv4_addr").And.Contain("\"cali-a\" . 10.1.0.0/24"));
            Assert.That(listed, Does.Contain("\"cali-a\" : goto wl-a").And.Contain("\"cali-b\" : drop"));
            Assert.That(listed, Does.Contain("10.65.0.2 : 0x00000007").And.Contain("* : 0x00000000"));
            Assert.That(listed, Does.Contain("type mark . mark . inet_proto . inet_service : mark"));
            Assert.That(listed, Does.Contain("0x00000001 . 0x00000007 . tcp . 80 : 0x0000002a"));
            Assert.That(listed, Does.Contain("80 : \"c1\""));
        });

        var read = nft.ReadTable(Table)!;
        Assert.That(read.Sets.Single(s => s.Name == "x0").Matches(
            NftSet.Map("x0", NftDataType.Mark, NftDataType.Mark, NftDataType.Mark, NftDataType.Protocol, NftDataType.Service)), Is.True);
        Assert.That(read.Elements["from-wl"].Single(e => e.Key == NftValue.LinkName("cali-a")).Verdict,
            Is.EqualTo(NftVerdict.Goto("wl-a")));
        Assert.That(read.Elements["cls4"].Single(e => e.Flags == NftElementFlags.CatchAll).Data, Is.EqualTo(NftValue.Native(0)));
        Assert.That(read.Elements["counts"].Single().Object, Is.EqualTo("c1"));
        Assert.That(read.Elements["rpf-skip"].Single().KeyEnd, Is.Not.Null);
        Assert.That(read.Chains.Single().Name, Is.EqualTo("wl-a"));
        Assert.That(read.Counters.Single().Name, Is.EqualTo("c1"));
        Assert.That(read.Generation, Is.EqualTo(nft.GetGeneration()));
    }

    [Test]
    public void A_refused_change_is_named_and_nothing_is_applied()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddChain(Table, "a");
        batch.AddRule(Table, "a", new NftRule([Verdict.Jump("nowhere")]) { Comment = "bad" });
        batch.AddChain(Table, "b");

        var thrown = Assert.Throws<NftCommitException>(() => nft.Commit(batch))!;

        Assert.That(thrown.Errno, Is.EqualTo(Errno.NoEntry));
        Assert.That(thrown.Failures[0].Index, Is.EqualTo(2));
        Assert.That(thrown.Message, Does.StartWith("add rule of chain a in table inet calico (bad)"));
        Assert.That(ns.Inside("nft", "list", "ruleset").Trim(), Is.Empty);
        Assert.That(nft.ReadTable(Table), Is.Null);

        // The socket is in step: the next commit gets its own answer.
        batch.Clear();
        batch.AddTable(Table);
        nft.Commit(batch);
        Assert.That(nft.ListTables(), Is.EqualTo(new[] { Table }));
    }

    [Test]
    public void A_batch_may_be_mended_and_committed_again()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddChain(Table, "a");
        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch))!.Errno, Is.EqualTo(Errno.NoEntry));

        ns.Inside("nft", "add", "table", "inet", "calico");
        batch.AddRule(Table, "a", Verdict.Jump("nowhere"));
        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch))!.Failures.Single().Index, Is.EqualTo(1));
        batch.AddChain(Table, "b");
        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch))!.Failures.Single().Index, Is.EqualTo(1));
        Assert.That(nft.ListChains(Table), Is.Empty);
        ns.Inside("nft", "add", "chain", "inet", "calico", "nowhere");
        nft.Commit(batch);
        Assert.That(nft.ListChains(Table).Select(c => c.Name), Is.EquivalentTo(new[] { "nowhere", "a", "b" }));
    }

    [Test]
    public void A_loop_of_chains_is_refused_as_a_whole()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddBaseChain(Table, "in", NftChainType.Filter, NftHook.Input, 0);
        batch.AddChain(Table, "a");
        batch.AddChain(Table, "b");
        batch.AddRule(Table, "in", Verdict.Jump("a"));
        batch.AddRule(Table, "a", Verdict.Jump("b"));
        batch.AddRule(Table, "b", Verdict.Jump("a"));

        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch))!.Errno, Is.EqualTo(Errno.TooManyLinks));
    }

    [Test]
    public void A_commit_pinned_to_an_old_generation_is_refused()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        var generation = nft.GetGeneration();
        ns.Inside("nft", "add", "table", "ip", "stranger");

        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch, generation))!.Errno, Is.EqualTo(Errno.Restart));
        nft.Commit(batch, nft.GetGeneration());
        Assert.That(ns.Inside("nft", "list", "tables"), Does.Contain("table inet calico"));
    }

    private static NftExpression[] Tcp() => [Meta.Load(MetaKey.TransportProtocol, R0), Compare.Equal(R0, NftValue.Byte(6))];

    private static NftExpression[] Udp() => [Meta.Load(MetaKey.TransportProtocol, R0), Compare.Equal(R0, NftValue.Byte(17))];

    private static NftExpression[] IPv4() => [Meta.Load(MetaKey.NetworkFamily, R0), Compare.Equal(R0, NftValue.Byte(2))];

    private static NftExpression[] IPv6() => [Meta.Load(MetaKey.NetworkFamily, R0), Compare.Equal(R0, NftValue.Byte(10))];
}
