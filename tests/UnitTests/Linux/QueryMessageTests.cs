using System.Net;
using System.Net.Sockets;
using Calico.Linux.Conntrack;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

/// <summary>Golden bytes of the requests that list, written down from the headers. Little-endian machines.</summary>
public class QueryMessageTests
{
    private static readonly NftTable T = new(NftFamily.Inet, "t");

    [Test]
    public void Links()
    {
        AssertBytes(16, w => RouteQueries.Link(w, 1, 0, "eth0"), """
            34000000 1200 0100 01000000 00000000
            00000000 00000000 00000000 00000000
              0900 0300 6574683000000000
              0800 1d00 08000000
            """);
        AssertBytes(16, w => RouteQueries.Links(w, 1), """
            28000000 1200 0103 01000000 00000000
            00000000 00000000 00000000 00000000
              0800 1d00 08000000
            """);
    }

    [Test]
    public void Addresses() => AssertBytes(8, w => RouteQueries.Addresses(w, 1, 2, AddressFamily.Unspecified), """
        18000000 1600 0103 01000000 00000000
        00000000 02000000
        """);

    [Test]
    public void Routes() => AssertBytes(12, w => RouteQueries.Routes(w, 1, new RouteFilter
    {
        Family = AddressFamily.InterNetwork, Protocol = new RouteProtocol(80), Kind = RouteKind.Blackhole, Table = 1000, LinkIndex = 3,
    }), """
        2c000000 1a00 0103 01000000 00000000
        02000000 00500006 00000000
          0800 0f00 e8030000
          0800 0400 03000000
        """);

    [Test]
    public void Rules_and_neighbours() => AssertBytes(12, w =>
    {
        RouteQueries.Rules(w, 1, AddressFamily.InterNetworkV6);
        RouteQueries.Neighbours(w, 2, 5);
        RouteQueries.Forwarding(w, 3, 5);
    }, """
        1c000000 2200 0103 01000000 00000000
        0a000000 00000000 00000000
        24000000 1e00 0103 02000000 00000000
        00000000 00000000 00000000
          0800 0800 05000000
        1c000000 1e00 0103 03000000 00000000
        07000000 05000000 00000000
        """);

    [Test]
    public void Rulesets() => AssertBytes(4, w =>
    {
        NftQueries.Generation(w, 1);
        NftQueries.Tables(w, 2);
        NftQueries.Chains(w, 3, NftFamily.Inet);
        NftQueries.Rules(w, 4, T, "c");
        NftQueries.Sets(w, 5, T);
        NftQueries.Elements(w, 6, T, "s");
        NftQueries.Counters(w, 7, T, reset: false);
        NftQueries.Counters(w, 8, T, reset: true);
    }, """
        14000000 100a 0100 01000000 00000000
        00000000
        14000000 010a 0103 02000000 00000000
        00000000
        14000000 040a 0103 03000000 00000000
        01000000
        24000000 070a 0103 04000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 63000000
        1c000000 0a0a 0103 05000000 00000000
        01000000
          0600 0100 74000000
        24000000 0d0a 0103 06000000 00000000
        01000000
          0600 0100 74000000
          0600 0200 73000000
        24000000 130a 0103 07000000 00000000
        01000000
          0600 0100 74000000
          0800 0300 00000001
        24000000 150a 0103 08000000 00000000
        01000000
          0600 0100 74000000
          0800 0300 00000001
        """);

    [Test]
    public void Connections() => AssertBytes(4, w =>
    {
        ConntrackQueries.List(w, 1, ConntrackTuplePart.OriginalSource, IPAddress.Parse("10.0.0.1"));
        ConntrackQueries.List(w, 2, ConntrackTuplePart.ReplyDestination, IPAddress.Parse("10.0.0.1"));
        ConntrackQueries.List(w, 3, ConntrackTuplePart.OriginalSource, IPAddress.Parse("fd00::1"));
        ConntrackQueries.Delete(w, 4, new ConntrackEntry
        {
            OriginalSource = IPAddress.Parse("10.0.0.1"), OriginalDestination = IPAddress.Any, ReplySource = IPAddress.Any,
            ReplyDestination = IPAddress.Any, Protocol = 6, Id = 7, Zone = 3,
            OriginalTuple = [.. Convert.FromHexString("0c000180080001000a000001")],
        });
    }, """
        38000000 0101 0103 01000000 00000000
        02000000
          1000 0180
            0c00 0180
              0800 0100 0a000001
          1400 1980
            0800 0100 01000000
            0800 0200 00000000
        38000000 0101 0103 02000000 00000000
        02000000
          1000 0280
            0c00 0180
              0800 0200 0a000001
          1400 1980
            0800 0100 00000000
            0800 0200 02000000
        14000000 0101 0103 03000000 00000000
        0a000000
        34000000 0201 0500 04000000 00000000
        02000000
          1000 0180
            0c00 0180
              0800 0100 0a000001
          0800 0c00 00000007
          0600 1200 00030000
        """);

    private static void AssertBytes(int familyHeaderLength, Action<NetlinkWriter> write, string expected)
    {
        using var writer = new NetlinkWriter();
        write(writer);
        Assert.That(MessageText.Format(writer.Written, familyHeaderLength).TrimEnd(), Is.EqualTo(expected));
    }
}
