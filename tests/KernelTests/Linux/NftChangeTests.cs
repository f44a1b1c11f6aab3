using System.Diagnostics;
using System.Net;
using Calico.Linux;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

/// <summary>Changes to a ruleset that is there: elements in bulk, rules by handle, counters, what strangers do.</summary>
public class NftChangeTests
{
    private static readonly NftTable Table = new(NftFamily.Inet, "calico");
    private static readonly NftRegister R0 = NftRegister.Word(0);

    [TestCase(false)]
    [TestCase(true)]
    public void Ten_thousand_elements_go_in_several_messages(bool interval)
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddSet(Table, NftSet.Of("s", NftDataType.IPv4Address) with { Interval = interval });
        NftElement[] elements = [.. Enumerable.Range(0, 10_000).SelectMany(i => interval
            ? NftInterval.Prefix(new IPNetwork(new IPAddress([10, (byte)(i >> 8), (byte)i, 0]), 25))
            : [NftElement.Of(NftValue.Address(new IPAddress([10, 0, (byte)(i >> 8), (byte)i])))])];
        var before = batch.Count;
        batch.AddElements(Table, "s", elements);
        Assert.That(batch.Count - before, Is.GreaterThan(2));

        nft.Commit(batch);

        // The kernel grows a hash in the background after the commit, and a walk meanwhile may pass elements by (rhashtable).
        Assert.That(() => nft.ListElements(Table, "s").Select(e => (e.Key, e.Flags & NftElementFlags.IntervalEnd)).ToHashSet()
            .IsSupersetOf(elements.Select(e => (e.Key, e.Flags))), Is.True.After(5).Seconds.PollEvery(50).MilliSeconds);
        batch.Clear();
        batch.DeleteElements(Table, "s", elements[..^2]);
        nft.Commit(batch);
        Assert.That(nft.ListElements(Table, "s").Count(e => e.Flags == NftElementFlags.None), Is.EqualTo(interval ? 1 : 2));
        batch.Clear();
        batch.FlushSet(Table, "s");
        nft.Commit(batch);
        Assert.That(nft.ListElements(Table, "s").Where(e => e.Flags == NftElementFlags.None), Is.Empty);
    }

    [Test]
    public void Overlapping_ranges_and_other_data_are_refused()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddSet(Table, NftSet.Of("s", NftDataType.IPv4Address) with { Interval = true });
        batch.AddSet(Table, NftSet.Map("m", NftDataType.Mark, NftDataType.IPv4Address));
        batch.AddElements(Table, "s", NftInterval.Prefix(IPNetwork.Parse("10.0.0.0/24")));
        batch.AddElement(Table, "m", NftElement.Of(NftValue.Address(IPAddress.Loopback), NftValue.Native(1)));
        nft.Commit(batch);

        batch.Clear();
        batch.AddElements(Table, "s", NftInterval.Prefix(IPNetwork.Parse("10.0.0.0/8")));
        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch))!.Errno, Is.EqualTo(Errno.Exists));
        batch.Clear();
        batch.AddElement(Table, "m", NftElement.Of(NftValue.Address(IPAddress.Loopback), NftValue.Native(2)));
        var thrown = Assert.Throws<NftCommitException>(() => nft.Commit(batch))!;
        Assert.That(thrown.Errno, Is.EqualTo(Errno.Exists));
        Assert.That(thrown.Message, Does.Contain("add elements of set m in table inet calico (from 7f000001)"));

        batch.Clear();
        batch.DeleteElement(Table, "m", NftElement.Of(NftValue.Address(IPAddress.Loopback)));
        batch.AddElement(Table, "m", NftElement.Of(NftValue.Address(IPAddress.Loopback), NftValue.Native(2)));
        nft.Commit(batch);
        Assert.That(nft.ListElements(Table, "m").Single().Data, Is.EqualTo(NftValue.Native(2)));
    }

    [Test]
    public void Rules_are_placed_replaced_and_deleted_by_handle()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddChain(Table, "c");
        batch.AddRule(Table, "c", Commented("two"));
        batch.InsertRule(Table, "c", Commented("one"));
        batch.AddRule(Table, "c", Commented("five"));
        nft.Commit(batch);
        ulong two = Handle(nft, "two"), five = Handle(nft, "five");

        batch.Clear();
        batch.AddRuleAfter(Table, "c", two, Commented("three"));
        batch.InsertRule(Table, "c", Commented("four"), beforeHandle: five);
        batch.ReplaceRule(Table, "c", five, Commented("last"));
        nft.Commit(batch);

        Assert.That(nft.ListRules(Table, "c").Select(r => r.Comment), Is.EqualTo(new[] { "one", "two", "three", "four", "last" }));
        Assert.That(nft.ListRules(Table, "c")[0].Expressions.Select(e => e.Name), Is.EqualTo(new[] { "counter", "immediate" }));
        Assert.That(nft.ListRules(Table, "c")[0].Counter, Is.EqualTo(new Counter()));

        batch.Clear();
        batch.DeleteRule(Table, "c", two);
        nft.Commit(batch);
        Assert.That(nft.ListRules(Table, "c"), Has.Length.EqualTo(4));
        batch.Clear();
        batch.FlushChain(Table, "c");
        batch.AddRule(Table, "c", Commented("anew"));
        nft.Commit(batch);
        Assert.That(nft.ListRules(Table).Single().Comment, Is.EqualTo("anew"));
        batch.Clear();
        batch.DeleteChain(Table, "c");
        nft.Commit(batch);
        Assert.That(nft.ListChains(Table), Is.Empty);
    }

    [Test]
    public void Named_counters_count_reset_and_go()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        ns.Inside("ip", "link", "set", "lo", "up");
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddCounter(Table, "seen");
        batch.AddCounter(Table, "unused", packets: 5, bytes: 500);
        batch.AddBaseChain(Table, "in", NftChainType.Filter, NftHook.Input, 0);
        batch.AddRule(Table, "in", Meta.Load(MetaKey.TransportProtocol, R0), Compare.Equal(R0, NftValue.Byte(17)), Counter.Named("seen"));
        nft.Commit(batch);

        ns.Broker.Run(ns.File, () =>
        {
            using var socket = new System.Net.Sockets.UdpClient();
            socket.Send("12345678"u8, new IPEndPoint(IPAddress.Loopback, 9));
        });

        Assert.That(nft.ListCounters(Table).Single(c => c.Name == "seen").Packets, Is.EqualTo(1));
        Assert.That(nft.ResetCounters(Table).Single(c => c.Name == "seen") is { Packets: 1, Bytes: 36, Uses: 1 }, Is.True);
        Assert.That(nft.ListCounters(Table).Select(c => c.Packets), Is.All.Zero);
        batch.Clear();
        batch.DeleteCounter(Table, "seen");
        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch))!.Errno, Is.EqualTo(Errno.Busy));
        batch.Clear();
        batch.DeleteCounter(Table, "unused");
        nft.Commit(batch);
        Assert.That(nft.ListCounters(Table).Single().Name, Is.EqualTo("seen"));
    }

    [Test]
    public void Destroying_a_table_takes_all_of_it_and_nothing_else()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        ns.Inside("nft", "add", "table", "inet", "stranger");
        using var batch = new NftBatch();
        batch.DestroyTable(Table);
        batch.AddTable(Table);
        batch.AddChain(Table, "c");
        nft.Commit(batch);
        nft.Commit(batch);
        Assert.That(nft.ListChains(Table), Has.Length.EqualTo(1));

        batch.Clear();
        batch.DestroyTable(Table);
        nft.Commit(batch);
        Assert.That(nft.ListTables(), Is.EqualTo(new[] { new NftTable(NftFamily.Inet, "stranger") }));
        batch.Clear();
        batch.DeleteTable(Table);
        Assert.That(Assert.Throws<NftCommitException>(() => nft.Commit(batch))!.Errno, Is.EqualTo(Errno.NoEntry));
    }

    [Test]
    public async Task A_strangers_change_is_told()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var stream = ns.Broker.Run(ns.File, NftChangeStream.Open);
        using var batch = new NftBatch();
        batch.AddTable(Table);
        nft.Commit(batch);
        ns.Inside("nft", "flush", "ruleset");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        List<NftChange> changes = [];

        await foreach (var change in stream.ReadAllAsync(limit.Token))
        {
            changes.Add(change);
            if (changes.Count == 2)
            {
                break;
            }
        }

        Assert.That(changes.Select(c => c.Tables.Single()), Is.EqualTo(new[] { Table, Table }));
        Assert.That(changes[1].ProcessName, Is.EqualTo("nft"));
        Assert.That(changes[1].Generation, Is.EqualTo(nft.GetGeneration()).And.EqualTo(changes[0].Generation + 1));
    }

    [Test]
    public async Task An_ignored_sockets_transactions_are_not_told_and_a_strangers_in_between_is()
    {
        using var ns = new ScratchNamespace();
        using var ours = ns.OpenNft();
        using var other = ns.OpenNft();
        using var stream = ns.Broker.Run(ns.File, NftChangeStream.Open);
        stream.IgnoreDoingsOf(ours.PortId);
        Add(ours, "mine1");
        Add(other, "theirs");
        Add(ours, "mine2");
        Add(other, "last");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        List<string> told = [];

        await foreach (var change in stream.ReadAllAsync(limit.Token))
        {
            told.Add(change.Tables.Single().Name);
            if (told[^1] == "last")
            {
                break;
            }
        }

        Assert.That(told, Is.EqualTo(new[] { "theirs", "last" }));

        static void Add(NftSocket socket, string table)
        {
            using var batch = new NftBatch();
            batch.AddTable(new NftTable(NftFamily.Inet, table));
            socket.Commit(batch);
        }
    }

    [Test, Explicit("a measurement: prints the time of one endpoint's elements at a thousand endpoints")]
    public void Measure_endpoint_elements()
    {
        const int Endpoints = 1000;
        const int Rounds = 500;
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        batch.AddTable(Table);
        batch.AddBaseChain(Table, "forward", NftChainType.Filter, NftHook.Forward, 0);
        batch.AddChain(Table, "program");
        for (var i = 0; i < 3000; i++)
        {
            batch.AddRule(Table, "program", Payload.DestinationPort(R0), Compare.Equal(R0, NftValue.BigEndian((ushort)i)), new Counter());
        }

        batch.AddSet(Table, NftSet.VerdictMap("from", NftDataType.LinkName));
        batch.AddSet(Table, NftSet.VerdictMap("to", NftDataType.LinkName));
        batch.AddSet(Table, NftSet.Map("list", NftDataType.Mark, NftDataType.LinkName));
        batch.AddRule(Table, "forward", Meta.Load(MetaKey.IncomingName, NftRegister.Word(4)), Lookup.Verdict("from", NftRegister.Word(4)));
        batch.AddRule(Table, "forward", Meta.Load(MetaKey.OutgoingName, NftRegister.Word(4)), Lookup.Verdict("to", NftRegister.Word(4)));
        for (var i = 0; i < Endpoints; i++)
        {
            AddEndpoint(batch, i);
        }

        nft.Commit(batch);

        List<double> add = [], delete = [];
        for (var round = 0; round < Rounds + 50; round++)
        {
            batch.Clear();
            AddEndpoint(batch, Endpoints);
            var start = Stopwatch.GetTimestamp();
            nft.Commit(batch);
            var added = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            batch.Clear();
            foreach (var set in new[] { "from", "to", "list" })
            {
                batch.DeleteElement(Table, set, NftElement.Of(NftValue.LinkName($"cali{Endpoints:x8}")));
            }

            start = Stopwatch.GetTimestamp();
            nft.Commit(batch);
            if (round < 50)
            {
                continue;
            }

            add.Add(added);
            delete.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        add.Sort();
        delete.Sort();
        TestContext.Out.WriteLine($"endpoint add at {Endpoints}: p50 {add[Rounds / 2]:0.0000} ms, p95 {add[Rounds * 95 / 100]:0.0000} ms");
        TestContext.Out.WriteLine($"endpoint delete: p50 {delete[Rounds / 2]:0.0000} ms, p95 {delete[Rounds * 95 / 100]:0.0000} ms");
        Assert.That(add[Rounds / 2], Is.LessThan(5));

        static void AddEndpoint(NftBatch batch, int i)
        {
            var name = NftValue.LinkName($"cali{i:x8}");
            batch.AddElement(Table, "from", NftElement.Of(name, NftVerdict.Goto("program")));
            batch.AddElement(Table, "to", NftElement.Of(name, NftVerdict.Goto("program")));
            batch.AddElement(Table, "list", NftElement.Of(name, NftValue.Native((uint)i)));
        }
    }

    [Test, Explicit("a measurement: prints the time to load 1,000 endpoints' chains and 200 policies, and to read them back")]
    public void Measure_full_load()
    {
        using var ns = new ScratchNamespace();
        using var nft = ns.OpenNft();
        using var batch = new NftBatch();
        for (var round = 0; round < 5; round++)
        {
            batch.Clear();
            var start = Stopwatch.GetTimestamp();
            WriteFullLoad(batch);
            var encoded = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            start = Stopwatch.GetTimestamp();
            nft.Commit(batch);
            var committed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            start = Stopwatch.GetTimestamp();
            var read = nft.ReadTable(Table)!;
            var listed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            TestContext.Out.WriteLine(
                $"{batch.Count} messages, {batch.Length / 1024} KiB: encode {encoded:0.0} ms, commit {committed:0.0} ms, read "
                    + $"back {listed:0.0} ms");
            Assert.That((read.Rules.Length, read.Elements.Values.Sum(e => e.Length)), Is.EqualTo((14_000, 20_000)));
        }
    }

    private static void WriteFullLoad(NftBatch batch)
    {
        batch.DestroyTable(Table);
        batch.AddTable(Table);
        for (var policy = 0; policy < 200; policy++)
        {
            string set = $"s-{policy}", chain = $"pol-{policy}";
            batch.AddSet(Table, NftSet.Of(set, NftDataType.IPv4Address));
            batch.AddElements(Table, set, Enumerable.Range(0, 100).Select(i =>
                NftElement.Of(NftValue.Address(new IPAddress([10, (byte)policy, 0, (byte)i])))));
            batch.AddChain(Table, chain);
            for (var rule = 0; rule < 10; rule++)
            {
                batch.AddRule(Table, chain, Meta.Load(MetaKey.NetworkFamily, R0), Compare.Equal(R0, NftValue.Byte(2)),
                    Payload.SourceIPv4(R0), Lookup.In(set, R0), Payload.DestinationPort(R0),
                    Compare.Equal(R0, NftValue.BigEndian((ushort)rule)), new Counter(), Verdict.Accept);
            }
        }

        for (var endpoint = 0; endpoint < 1000; endpoint++)
        {
            for (var kind = 0; kind < 4; kind++)
            {
                var chain = $"e{kind}-{endpoint}";
                batch.AddChain(Table, chain);
                batch.AddRule(Table, chain, Verdict.Jump($"pol-{endpoint % 200}"));
                batch.AddRule(Table, chain, Verdict.Jump($"pol-{(endpoint + 1) % 200}"));
                batch.AddRule(Table, chain, new Counter(), Verdict.Drop);
            }
        }
    }

    private static NftRule Commented(string comment) => new([new Counter(), Verdict.Return]) { Comment = comment };

    private static ulong Handle(NftSocket nft, string comment) => nft.ListRules(Table, "c").Single(r => r.Comment == comment).Handle;
}
