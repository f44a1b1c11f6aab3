using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

/// <summary>Golden bytes of rtnetlink requests. Little-endian machines.</summary>
public class RouteMessageTests
{
    private const int LinkHeader = 16;
    private const int AddressHeader = 8;
    private const int OtherHeader = 12;

    private static readonly PhysicalAddress Mac = PhysicalAddress.Parse("ee:ee:ee:ee:ee:ee");

    [Test]
    public void Veth_pair() => AssertBytes(LinkHeader, b => b.AddVeth(new VethPair
    {
        Name = "cali1", Index = 1001, Mac = Mac, Mtu = 1450, Group = 7, Up = true, PeerName = "eth0", PeerIndex = 2,
        PeerMac = PhysicalAddress.Parse("02:00:00:00:00:01"),
    }), """
        b0000000 1000 0506 01000000 00000000
        00000000 e9030000 01000000 01000000
          0a00 0300 63616c6931000000
          0a00 0100 eeeeeeeeeeee0000
          0800 0400 aa050000
          0800 1f00 01000000
          0800 2000 01000000
          0800 1b00 07000000
          5800 1280
            0900 0100 7665746800000000
            4800 0280
              4400 0180
                00000000 02000000 00000000 00000000
                0900 0300 6574683000000000
                0a00 0100 0200000000010000
                0800 0400 aa050000
                0800 1f00 01000000
                0800 2000 01000000
        """);

    [Test]
    public void Dummy_link() => AssertBytes(LinkHeader, b => b.AddDummy("d0", index: 9), """
        38000000 1000 0506 01000000 00000000
        00000000 09000000 01000000 01000000
          0700 0300 64300000
          1000 1280
            0a00 0100 64756d6d79000000
        """);

    [Test]
    public void Vxlan_link() => AssertBytes(LinkHeader, b => b.AddVxlan(new VxlanLink
    {
        Name = "vxlan.calico", Vni = 4096, Local = IPAddress.Parse("192.0.2.1"), ParentIndex = 3, Mtu = 1400, Mac = Mac, Up = true,
    }), """
        84000000 1000 0506 01000000 00000000
        00000000 00000000 01000000 01000000
          1100 0300 76786c616e2e63616c69636f00000000
          0a00 0100 eeeeeeeeeeee0000
          0800 0400 78050000
          3c00 1280
            0a00 0100 76786c616e000000
            2c00 0280
              0800 0100 00100000
              0600 0f00 12b50000
              0500 0700 00000000
              0800 0300 03000000
              0800 0400 c0000201
        """);

    [Test]
    public void Link_change() => AssertBytes(LinkHeader, b => b.ChangeLink(new LinkChange
    {
        Index = 1001, Up = true, Name = "new", Mtu = 1400, Mac = Mac, Group = 9, Alias = "pod", MasterIndex = 4,
        Ipv4 = new Ipv4LinkSettings { Forwarding = true, ProxyArp = true, RpFilter = 1, RouteLocalnet = true },
        AddressGeneration = AddressGenerationMode.None,
    }), """
        8c000000 1300 0500 01000000 00000000
        00000000 e9030000 01000000 01000000
          0800 0300 6e657700
          0800 0400 78050000
          0a00 0100 eeeeeeeeeeee0000
          0800 1b00 09000000
          0800 1400 706f6400
          0800 0a00 04000000
          3800 1a80
            2800 0280
              2400 0180
                0800 0100 01000000
                0800 0300 01000000
                0800 0800 01000000
                0800 1a00 01000000
            0c00 0a80
              0500 0800 01000000
        """);

    [Test]
    public void Carrier_settled() => AssertBytes(LinkHeader, b => b.SettleCarrier(1001), """
        28000000 1200 0500 01000000 00000000
        00000000 e9030000 00000000 00000000
          0800 1d00 08000000
        """);

    [Test]
    public void Link_deletion() => AssertBytes(LinkHeader, b =>
    {
        b.DeleteLink(1001);
        b.DeleteLinkGroup(77);
    }, """
        20000000 1100 0500 01000000 00000000
        00000000 e9030000 00000000 00000000
        28000000 1100 0500 02000000 00000000
        00000000 00000000 00000000 00000000
          0800 1b00 4d000000
        """);

    [Test]
    public void Addresses() => AssertBytes(AddressHeader, b =>
    {
        b.AddAddress(new InterfaceAddress
        {
            LinkIndex = 2, Address = IPAddress.Parse("10.65.0.2"), PrefixLength = 32, Scope = RouteScope.Host,
        });
        b.DeleteAddress(new InterfaceAddress
        {
            LinkIndex = 2, Address = IPAddress.Parse("fd65::2"), PrefixLength = 128, SkipDuplicateDetection = true, NoPrefixRoute = true,
        });
    }, """
        28000000 1400 0506 01000000 00000000
        022000fe 02000000
          0800 0200 0a410002
          0800 0100 0a410002
        48000000 1500 0500 02000000 00000000
        0a800000 02000000
          1400 0200 fd650000000000000000000000000002
          1400 0100 fd650000000000000000000000000002
          0800 0800 02020000
        """);

    [Test]
    public void Routes() => AssertBytes(OtherHeader, b =>
    {
        b.AddRoute(new RouteEntry { Destination = IPNetwork.Parse("10.65.0.2/32"), LinkIndex = 1001, Protocol = new RouteProtocol(80) });
        b.ReplaceRoute(new RouteEntry
        {
            Destination = IPNetwork.Parse("10.65.1.0/26"), Gateway = IPAddress.Parse("192.0.2.9"), LinkIndex = 3, OnLink = true,
            Metric = 5, Table = 1000, Mtu = 1400, PreferredSource = IPAddress.Parse("192.0.2.1"),
        });
        b.AddRoute(new RouteEntry { Destination = IPNetwork.Parse("::/0"), Gateway = IPAddress.Parse("fe80::1"), LinkIndex = 2 });
        b.AddRoute(new RouteEntry { Destination = IPNetwork.Parse("10.1.0.0/24"), Gateway = IPAddress.Parse("fe80::1"), LinkIndex = 2 });
        b.DeleteRoute(new RouteEntry { Destination = IPNetwork.Parse("10.65.0.0/26"), Kind = RouteKind.Blackhole });
    }, """
        34000000 1800 0506 01000000 00000000
        02200000 fe50fd01 00000000
          0800 0f00 fe000000
          0800 0100 0a410002
          0800 0400 e9030000
        58000000 1800 0505 02000000 00000000
        021a0000 00040001 04000000
          0800 0f00 e8030000
          0800 0100 0a410100
          0800 0500 c0000209
          0800 0400 03000000
          0800 0600 05000000
          0800 0700 c0000201
          0c00 0880
            0800 0200 78050000
        40000000 1800 0506 03000000 00000000
        0a000000 fe040001 00000000
          0800 0f00 fe000000
          1400 0500 fe800000000000000000000000000001
          0800 0400 02000000
        4c000000 1800 0506 04000000 00000000
        02180000 fe040001 00000000
          0800 0f00 fe000000
          0800 0100 0a010000
          1600 1200 0a00fe8000000000000000000000000000010000
          0800 0400 02000000
        2c000000 1900 0500 05000000 00000000
        021a0000 fe04ff06 00000000
          0800 0f00 fe000000
          0800 0100 0a410000
        """);

    [Test]
    public void Rules() => AssertBytes(OtherHeader, b =>
    {
        b.AddRule(new RoutingRule
        {
            Family = AddressFamily.InterNetwork, Priority = 99, Table = 1000, Mark = 0x10, MarkMask = 0xf0, Invert = true,
            Source = IPNetwork.Parse("10.0.0.0/8"), Destination = IPNetwork.Parse("10.1.0.0/16"), IncomingLink = "lo",
            OutgoingLink = "eth0", Protocol = new RouteProtocol(80),
        });
        b.DeleteRule(new RoutingRule { Family = AddressFamily.InterNetworkV6, Priority = 98, Table = 254 });
    }, """
        68000000 2000 0506 01000000 00000000
        02100800 00000001 02000000
          0800 0600 63000000
          0800 0f00 e8030000
          0800 0200 0a000000
          0800 0100 0a010000
          0800 0a00 10000000
          0800 1000 f0000000
          0700 0300 6c6f0000
          0900 1100 6574683000000000
          0500 1500 50000000
        2c000000 2100 0500 02000000 00000000
        0a000000 fe000001 00000000
          0800 0600 62000000
          0800 0f00 fe000000
        """);

    [Test]
    public void Neighbours() => AssertBytes(OtherHeader, b =>
    {
        b.SetNeighbour(new NeighbourEntry { LinkIndex = 2, Address = IPAddress.Parse("169.254.1.1"), Mac = Mac });
        b.DeleteNeighbour(new NeighbourEntry { LinkIndex = 2, Address = IPAddress.Parse("fe80::1"), IsProxy = true });
        b.SetForwarding(new ForwardingEntry { LinkIndex = 5, Mac = Mac, Remote = IPAddress.Parse("192.0.2.7") });
    }, """
        30000000 1c00 0505 01000000 00000000
        02000000 02000000 80000000
          0800 0100 a9fe0101
          0a00 0200 eeeeeeeeeeee0000
        30000000 1d00 0500 02000000 00000000
        0a000000 02000000 80000800
          1400 0100 fe800000000000000000000000000001
        30000000 1c00 0505 03000000 00000000
        07000000 05000000 c0000200
          0a00 0200 eeeeeeeeeeee0000
          0800 0100 c0000207
        """);

    [TestCase("")]
    [TestCase("sixteen-byte-nam")]
    public void Names_that_the_kernel_would_cut_are_refused(string name)
    {
        using var batch = new RouteBatch();
        Assert.Throws<ArgumentException>(() => batch.AddDummy(name));
        Assert.That(batch.Count, Is.Zero);
    }

    private static void AssertBytes(int familyHeaderLength, Action<RouteBatch> fill, string expected)
    {
        using var batch = new RouteBatch();
        fill(batch);
        batch.Number(1);
        Assert.That(MessageText.Format(batch.Written, familyHeaderLength).TrimEnd(), Is.EqualTo(expected));
    }
}
