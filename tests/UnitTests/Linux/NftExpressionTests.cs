using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

/// <summary>Golden bytes of every expression: the attributes inside NFTA_EXPR_DATA. Little-endian machines.</summary>
public class NftExpressionTests
{
    private static readonly NftRegister R0 = NftRegister.Word(0);
    private static readonly NftRegister R4 = NftRegister.Word(4);

    private static IEnumerable<TestCaseData> Cases()
    {
        yield return new TestCaseData(Meta.Load(MetaKey.IncomingName, R4), "meta", "08000100 0000000c 08000200 00000006");
        yield return new TestCaseData(Meta.Set(MetaKey.Mark, R0), "meta", "08000200 00000003 08000300 00000008");
        yield return new TestCaseData(Payload.DestinationPort(R0), "payload",
            "08000100 00000008 08000200 00000002 08000300 00000002 08000400 00000002");
        yield return new TestCaseData(Payload.SourceIPv6(R4), "payload",
            "08000100 0000000c 08000200 00000001 08000300 00000008 08000400 00000010");
        yield return new TestCaseData(Payload.DestinationIPv4(R0), "payload",
            "08000100 00000008 08000200 00000001 08000300 00000010 08000400 00000004");
        yield return new TestCaseData(Compare.NotEqual(R0, NftValue.BigEndian((ushort)80)), "cmp",
            "08000100 00000008 08000200 00000001 0c000380 06000100 00500000");
        yield return new TestCaseData(new RangeMatch(R0, NftValue.BigEndian((ushort)1), NftValue.BigEndian((ushort)9), Inverted: true),
            "range",
            "08000100 00000008 08000200 00000001 0c000380 06000100 00010000 0c000480 06000100 00090000");
        yield return new TestCaseData(Bitwise.And(R0, NftValue.Native(0xfffcffff)), "bitwise",
            "08000100 00000008 08000200 00000008 08000300 00000004 0c000480 08000100 fffffcff 0c000580 08000100 00000000");
        yield return new TestCaseData(Bitwise.Or(R0, 0x10000), "bitwise",
            "08000100 00000008 08000200 00000008 08000300 00000004 0c000480 08000100 fffffeff 0c000580 08000100 00000100");
        yield return new TestCaseData(Lookup.In("s", R0), "lookup", "06000100 73000000 08000200 00000008");
        yield return new TestCaseData(Lookup.NotIn("s", R0), "lookup", "06000100 73000000 08000200 00000008 08000500 00000001");
        yield return new TestCaseData(Lookup.Verdict("v", R4), "lookup", "06000100 76000000 08000200 0000000c 08000300 00000000");
        yield return new TestCaseData(Lookup.Data("m", R4, NftRegister.Word(9)), "lookup",
            "06000100 6d000000 08000200 0000000c 08000300 00000011");
        yield return new TestCaseData(new Immediate(R0, NftValue.Byte(1)), "immediate", "08000100 00000008 0c000280 05000100 01000000");
        yield return new TestCaseData(Verdict.Drop, "immediate", "08000100 00000000 10000280 0c000280 08000100 00000000");
        yield return new TestCaseData(Verdict.Return, "immediate", "08000100 00000000 10000280 0c000280 08000100 fffffffb");
        yield return new TestCaseData(Verdict.Jump("c"), "immediate",
            "08000100 00000000 18000280 14000280 08000100 fffffffd 06000200 63000000");
        yield return new TestCaseData(Verdict.Goto("c"), "immediate",
            "08000100 00000000 18000280 14000280 08000100 fffffffc 06000200 63000000");
        yield return new TestCaseData(new Counter(1, 2), "counter", "0c000100 00000000 00000002 0c000200 00000000 00000001");
        yield return new TestCaseData(Counter.Named("k"), "objref", "08000100 00000001 06000200 6b000000");
        yield return new TestCaseData(new ObjectMapReference("o", R0), "objref", "08000300 00000008 06000400 6f000000");
        yield return new TestCaseData(Connection.Load(ConntrackKey.State, R0), "ct", "08000100 00000008 08000200 00000000");
        yield return new TestCaseData(Connection.Set(ConntrackKey.Mark, R0), "ct", "08000200 00000003 08000400 00000008");
        yield return new TestCaseData(Fib.ReversePath(R0), "fib", "08000100 00000008 08000200 00000001 08000300 00000009");
        yield return new TestCaseData(Nat.Destination(NftFamily.IPv4, R0, R4), "nat",
            "08000100 00000001 08000200 00000002 08000300 00000008 08000500 0000000c");
        yield return new TestCaseData(Nat.Source(NftFamily.IPv6, R4, null, NatFlags.Persistent), "nat",
            "08000100 00000000 08000200 0000000a 08000300 0000000c 08000700 00000008");
        yield return new TestCaseData(new Masquerade(NatFlags.FullyRandom), "masq", "08000100 00000010");
        yield return new TestCaseData(new Masquerade(NatFlags.None, R0, R4), "masq", "08000200 00000008 08000300 0000000c");
        yield return new TestCaseData(new Log("p", 5, 80), "log", "06000100 00050000 06000200 70000000 08000300 00000050");
        yield return new TestCaseData(new Log("p"), "log", "06000200 70000000");
        yield return new TestCaseData(new Limit(10, TimeSpan.FromMinutes(1), 7, InBytes: true, Over: true), "limit",
            "0c000100 00000000 0000000a 0c000200 00000000 0000003c 08000300 00000007 08000400 00000001 08000500 00000001");
        yield return new TestCaseData(new ConnectionLimit(5, Over: true), "connlimit", "08000100 00000005 08000200 00000001");
        yield return new TestCaseData(new NoTrack(), "notrack", "");
        yield return new TestCaseData(Reject.TcpReset, "reject", "08000100 00000001 05000200 00000000");
        yield return new TestCaseData(Reject.AdministrativelyProhibited, "reject", "08000100 00000002 05000200 03000000");
    }

    [TestCaseSource(nameof(Cases))]
    public void Expression_is_written_as(NftExpression expression, string name, string expected)
    {
        using var writer = new Calico.Linux.Netlink.NetlinkWriter();
        writer.BeginMessage(0, Calico.Linux.Netlink.NetlinkFlags.None, 0);
        expression.Write(writer);
        writer.EndMessage();

        // Header, element, name attribute (padded), content's header: what is left is the content.
        var start = 16 + 4 + 4 + ((name.Length + 1 + 3) & ~3) + 4;
        Assert.That(expression.Name, Is.EqualTo(name));
        Assert.That(Convert.ToHexStringLower(writer.Written[start..]), Is.EqualTo(expected.Replace(" ", "", StringComparison.Ordinal)));
    }

    [Test]
    public void Registers_have_the_kernels_numbers()
    {
        Assert.That(NftRegister.Verdict.Number, Is.Zero);
        Assert.That(NftRegister.Wide(1).Number, Is.EqualTo(1));
        Assert.That(NftRegister.Word(15).Number, Is.EqualTo(23));
        Assert.Throws<ArgumentOutOfRangeException>(() => NftRegister.Word(16));
        Assert.Throws<ArgumentOutOfRangeException>(() => NftRegister.Wide(5));
    }
}
