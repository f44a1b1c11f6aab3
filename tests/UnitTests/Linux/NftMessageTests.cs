using System.Net;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

/// <summary>Golden bytes of nftables transactions. Little-endian machines.</summary>
public class NftMessageTests
{
    private const int NetfilterHeader = 4;

    private static readonly NftTable T = new(NftFamily.Inet, "t");

    [Test]
    public void A_transaction_has_a_begin_an_ack_on_its_last_change_and_an_end() => AssertBytes(b =>
    {
        b.AddTable(T);
        b.AddChain(T, "c");
    }, """
        14000000 1000 0100 01000000 00000000
        0000000a
        1c000000 000a 0104 02000000 00000000
        01000000
          0600 0100 74000000
        24000000 030a 0504 03000000 00000000
        01000000
          0600 0100 74000000
          0600 0300 63000000
        14000000 1100 0100 04000000 00000000
        0000000a
        """);

    [Test]
    public void A_pinned_transaction_begins_with_its_generation() => AssertBytes(b => b.DeleteTable(T), """
        1c000000 1000 0100 01000000 00000000
        0000000a
          0800 0100 0000002a
        1c000000 020a 0500 02000000 00000000
        01000000
          0600 0100 74000000
        14000000 1100 0100 03000000 00000000
        0000000a
        """, generation: 42);

    [Test]
    public void Framing_twice_gives_the_same_bytes()
    {
        using var batch = new NftBatch();
        batch.AddTable(T);
        var pinned = batch.Frame(1, 42).ToArray();
        var plain = batch.Frame(1, null).ToArray();

        Assert.That(batch.Frame(1, 42).ToArray(), Is.EqualTo(pinned));
        Assert.That(batch.Frame(1, null).ToArray(), Is.EqualTo(plain));
        Assert.That(pinned, Has.Length.EqualTo(plain.Length + 8));
    }

    [Test]
    public void A_batch_that_grew_after_a_failure_asks_for_the_ack_of_its_last_change_only()
    {
        using var batch = new NftBatch();
        batch.AddTable(T);
        batch.Frame(1, null);
        batch.AddChain(T, "c");
        List<bool> acks = [];

        var reader = new Calico.Linux.Netlink.NetlinkReader(batch.Frame(1, null));
        while (reader.TryRead(out var message))
        {
            acks.Add(message.Flags.HasFlag(Calico.Linux.Netlink.NetlinkFlags.Ack));
        }

        Assert.That(acks, Is.EqualTo(new[] { false, false, true, false }));
    }

    [Test]
    public void Chains() => AssertChanges(b =>
    {
        b.AddBaseChain(T, "f", NftChainType.Filter, NftHook.Forward, -1, policyDrop: true);
        b.AddBaseChain(T, "n", NftChainType.Nat, NftHook.Postrouting, 100);
        b.DeleteChain(T, "c");
    }, """
        4c000000 030a 0104 02000000 00000000
        01000000
          0600 0100 74000000
          0600 0300 66000000
          1400 0480
            0800 0100 00000002
            0800 0200 ffffffff
          0800 0500 00000000
          0b00 0700 66696c7465720000
        48000000 030a 0104 03000000 00000000
        01000000
          0600 0100 74000000
          0600 0300 6e000000
          1400 0480
            0800 0100 00000004
            0800 0200 00000064
          0800 0500 00000001
          0800 0700 6e617400
        24000000 050a 0500 04000000 00000000
        01000000
          0600 0100 74000000
          0600 0300 63000000
        """);

    [Test]
    public void Rules() => AssertChanges(b =>
    {
        b.AddRule(T, "c", new NftRule([Verdict.Accept]) { Comment = "why" });
        b.InsertRule(T, "c", NftRule.Of(Verdict.Drop));
        b.InsertRule(T, "c", NftRule.Of(), beforeHandle: 5);
        b.AddRuleAfter(T, "c", 6, NftRule.Of());
        b.ReplaceRule(T, "c", 7, NftRule.Of());
        b.DeleteRule(T, "c", 8);
        b.FlushChain(T, "c");
    }, """
        64000000 060a 010c 02000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
          3400 0480
            3000 0180
              0e00 0100 696d6d656469617465000000
              1c00 0280
                0800 0100 00000000
                1000 0280
                  0c00 0280
                    0800 0100 00000001
          0a00 0700 0004776879000000
        58000000 060a 0104 03000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
          3400 0480
            3000 0180
              0e00 0100 696d6d656469617465000000
              1c00 0280
                0800 0100 00000000
                1000 0280
                  0c00 0280
                    0800 0100 00000000
        34000000 060a 0104 04000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
          0400 0480
          0c00 0600 0000000000000005
        34000000 060a 010c 05000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
          0400 0480
          0c00 0600 0000000000000006
        34000000 060a 0101 06000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
          0400 0480
          0c00 0300 0000000000000007
        30000000 080a 0100 07000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
          0c00 0300 0000000000000008
        24000000 080a 0500 08000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
        """);

    [Test]
    public void Sets() => AssertChanges(b =>
    {
        b.AddSet(T, NftSet.Of("s", NftDataType.IPv4Address) with { Interval = true, Size = 9 });
        b.AddSet(T, NftSet.VerdictMap("v", NftDataType.LinkName));
        b.AddSet(T, NftSet.Map("m", NftDataType.Mark, NftDataType.Mark, NftDataType.Service));
        b.AddSet(T, NftSet.Of("p", NftDataType.LinkName, NftDataType.IPv4Address) with { Interval = true });
        b.AddSet(T, NftSet.CounterMap("o", NftDataType.Service));
        b.DeleteSet(T, "s");
    }, """
        5c000000 090a 0104 02000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 73000000
          0800 0300 00000004
          0800 0400 00000007
          0800 0500 00000004
          0c00 0980
            0800 0100 00000009
          0800 0a00 00000001
          0a00 0d00 0004020000000000
        58000000 090a 0104 03000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 76000000
          0800 0300 00000008
          0800 0400 00000029
          0800 0500 00000010
          0800 0600 ffffff00
          0800 0a00 00000002
          0a00 0d00 0004010000000000
        64000000 090a 0104 04000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 6d000000
          0800 0300 00000008
          0800 0400 000004cd
          0800 0500 00000008
          0800 0600 00000013
          0800 0700 00000004
          0800 0a00 00000003
          1000 0d00 000400000000010401000000
        70000000 090a 0104 05000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 70000000
          0800 0300 00000084
          0800 0400 00000a47
          0800 0500 00000014
          2000 0980
            1c00 0280
              0c00 0180
                0800 0100 00000010
              0c00 0180
                0800 0100 00000004
          0800 0a00 00000004
          0a00 0d00 0004000000000000
        58000000 090a 0104 06000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 6f000000
          0800 0300 00000040
          0800 0400 0000000d
          0800 0500 00000002
          0800 0f00 00000001
          0800 0a00 00000005
          0a00 0d00 0004020000000000
        24000000 0b0a 0500 07000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 73000000
        """);

    [Test]
    public void Elements() => AssertChanges(b =>
    {
        b.AddElements(T, "s", NftInterval.Prefix(IPNetwork.Parse("10.0.0.0/24")));
        b.AddElement(T, "v", NftElement.Of(NftValue.LinkName("cali-a"), NftVerdict.Goto("c")));
        b.AddElement(T, "m", NftElement.Of(NftValue.Concat(NftValue.Native(1), NftValue.BigEndian(80)), NftValue.Native(7)));
        b.AddElement(T, "m", NftElement.CatchAll(NftValue.Native(0)));
        b.AddElement(T, "p", NftElement.Ranges(NftValue.BigEndian(1), NftValue.BigEndian(9)));
        b.AddElement(T, "o", NftElement.OfCounter(NftValue.BigEndian(80), "k"));
        b.DeleteElement(T, "v", NftElement.Of(NftValue.Byte(1), NftVerdict.Drop));
        b.FlushSet(T, "s");
    }, """
        50000000 0c0a 0104 02000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 73000000
          2c00 0380
            1000 0180
              0c00 0180
                0800 0100 0a000000
            1800 0180
              0c00 0180
                0800 0100 0a000100
              0800 0300 00000001
        5c000000 0c0a 0104 03000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 76000000
          3800 0380
            3400 0180
              1800 0180
                1400 0100 63616c692d6100000000000000000000
              1800 0280
                1400 0280
                  0800 0100 fffffffc
                  0600 0200 63000000
        48000000 0c0a 0104 04000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 6d000000
          2400 0380
            2000 0180
              1000 0180
                0c00 0100 0100000000500000
              0c00 0280
                0800 0100 07000000
        40000000 0c0a 0104 05000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 6d000000
          1c00 0380
            1800 0180
              0800 0300 00000002
              0c00 0280
                0800 0100 00000000
        44000000 0c0a 0104 06000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 70000000
          2000 0380
            1c00 0180
              0c00 0180
                0600 0100 00010000
              0c00 0a80
                0600 0100 00090000
        40000000 0c0a 0104 07000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 6f000000
          1c00 0380
            1800 0180
              0c00 0180
                0600 0100 00500000
              0600 0900 6b000000
        38000000 0e0a 0100 08000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 76000000
          1400 0380
            1000 0180
              0c00 0180
                0500 0100 01000000
        24000000 0e0a 0500 09000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 73000000
        """);

    [Test]
    public void Counters() => AssertChanges(b =>
    {
        b.AddCounter(T, "k", packets: 1, bytes: 2);
        b.DeleteCounter(T, "k");
    }, """
        48000000 120a 0104 02000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 6b000000
          0800 0300 00000001
          1c00 0480
            0c00 0100 0000000000000002
            0c00 0200 0000000000000001
        2c000000 140a 0500 03000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 6b000000
          0800 0300 00000001
        """);

    [Test]
    public void A_list_of_elements_is_cut_before_its_length_overflows()
    {
        using var batch = new NftBatch();
        batch.AddElements(T, "s", Enumerable.Range(0, 4096).Select(i => NftElement.Of(NftValue.BigEndian((uint)i))));
        batch.AddElements(T, "s", []);

        Assert.That(batch.Count, Is.GreaterThan(1));
        Assert.That(batch[0].ToString(), Is.EqualTo("add elements of set s in table inet t (from 00000000)"));
        var reader = new Calico.Linux.Netlink.NetlinkReader(batch.Frame(1, null));
        while (reader.TryRead(out var message))
        {
            Assert.That(message.Payload.Length, Is.LessThan(65_000));
        }
    }

    [Test]
    public void A_rule_that_cannot_be_written_leaves_the_batch_as_it_was()
    {
        using var batch = new NftBatch();
        batch.AddTable(T);
        var length = batch.Length;

        Assert.Throws<ArgumentException>(() => batch.AddRule(T, "c", NftRule.Of() with { Comment = new string('x', 128) }));
        Assert.That((batch.Count, batch.Length), Is.EqualTo((1, length)));
        batch.AddChain(T, "c");
        Assert.That(batch.Count, Is.EqualTo(2));
    }

    private static void AssertBytes(Action<NftBatch> fill, string expected, uint? generation = null)
    {
        using var batch = new NftBatch();
        fill(batch);
        Assert.That(MessageText.Format(batch.Frame(1, generation), NetfilterHeader).TrimEnd(), Is.EqualTo(expected));
    }

    /// <summary>Without the frame, which other tests show.</summary>
    private static void AssertChanges(Action<NftBatch> fill, string expected)
    {
        using var batch = new NftBatch();
        fill(batch);
        Assert.That(MessageText.Format(batch.Frame(1, null)[20..^20], NetfilterHeader).TrimEnd(), Is.EqualTo(expected));
    }
}
