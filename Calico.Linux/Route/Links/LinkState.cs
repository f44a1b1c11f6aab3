using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>A link as the kernel describes it.</summary>
public sealed record LinkState
{
    private const uint IFF_LOWER_UP = 0x10000;

    /// <summary>Interface index, unique in its namespace.</summary>
    public required int Index { get; init; }

    public required string Name { get; init; }

    /// <summary><c>veth</c>, <c>vxlan</c>...; empty for hardware and loopback.</summary>
    public string Kind { get; init; } = "";

    /// <summary>IFF_* flags.</summary>
    public uint Flags { get; init; }

    /// <summary>IFF_UP: set up by somebody.</summary>
    public bool IsUp => (Flags & LinkAttributes.IFF_UP) != 0;

    /// <summary>IFF_LOWER_UP: has a carrier.</summary>
    public bool HasCarrier => (Flags & IFF_LOWER_UP) != 0;

    /// <summary>Neighbours are asked for (not IFF_NOARP).</summary>
    public bool HasArp => (Flags & LinkAttributes.IFF_NOARP) == 0;

    /// <summary>IFF_MULTICAST: without it IPv6 finds no neighbours.</summary>
    public bool HasMulticast => (Flags & LinkAttributes.IFF_MULTICAST) != 0;

    public int Mtu { get; init; }

    /// <summary>Hardware address; <see cref="PhysicalAddress.None"/> where the kind has none.</summary>
    public PhysicalAddress Mac { get; init; } = PhysicalAddress.None;

    /// <summary>Link group, 0 by default.</summary>
    public uint Group { get; init; }

    public string Alias { get; init; } = "";

    /// <summary>IFLA_LINK: the other end of a pair, or what a device stands on; 0 if none.</summary>
    public int PeerIndex { get; init; }

    /// <summary>The bridge or the like that it is a port of; 0 if none.</summary>
    public int MasterIndex { get; init; }

    /// <summary>Namespace id of the peer as this namespace numbers it; null when the peer is in this one.</summary>
    public int? PeerNamespaceId { get; init; }

    /// <summary>In the notice that it is gone: it lives on in another namespace.</summary>
    public bool HasMoved { get; init; }

    /// <summary>Null: not told.</summary>
    public Ipv4LinkSettings? Ipv4 { get; init; }

    /// <summary>Null: the link or the kernel has no IPv6.</summary>
    public Ipv6LinkSettings? Ipv6 { get; init; }

    public AddressGenerationMode? AddressGeneration { get; init; }

    internal static LinkState Read(in NetlinkMessage message)
    {
        var header = message.ReadStruct<LinkHeader>();
        string name = "", kind = "", alias = "";
        int mtu = 0, peer = 0, master = 0;
        int? namespaceId = null;
        var moved = false;
        uint group = 0;
        var mac = PhysicalAddress.None;
        (Ipv4LinkSettings? Ipv4, Ipv6LinkSettings? Ipv6, AddressGenerationMode? Generation) settings = default;
        var attributes = message.Attributes<LinkHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case LinkAttributes.IFLA_IFNAME: name = a.Text; break;
                case LinkAttributes.IFLA_ADDRESS: mac = new PhysicalAddress(a.Content.ToArray()); break;
                case LinkAttributes.IFLA_MTU: mtu = a.I32; break;
                case LinkAttributes.IFLA_LINK: peer = a.I32; break;
                case LinkAttributes.IFLA_MASTER: master = a.I32; break;
                case LinkAttributes.IFLA_GROUP: group = a.U32; break;
                case LinkAttributes.IFLA_IFALIAS: alias = a.Text; break;
                case LinkAttributes.IFLA_LINK_NETNSID: namespaceId = a.I32; break;
                case LinkAttributes.IFLA_NEW_NETNSID: moved = true; break;
                case LinkAttributes.IFLA_AF_SPEC: settings = ReadSettings(a.Nested); break;
                case LinkAttributes.IFLA_LINKINFO: kind = ReadKind(a.Nested); break;
            }
        }

        return new LinkState
        {
            Index = header.Index, Name = name, Kind = kind, Flags = header.Flags, Mtu = mtu, Mac = mac, Group = group,
            Alias = alias, PeerIndex = peer, MasterIndex = master, PeerNamespaceId = namespaceId, HasMoved = moved,
            Ipv4 = settings.Ipv4, Ipv6 = settings.Ipv6, AddressGeneration = settings.Generation,
        };
    }

    private static (Ipv4LinkSettings?, Ipv6LinkSettings?, AddressGenerationMode?) ReadSettings(AttributeReader families)
    {
        (Ipv4LinkSettings? ipv4, Ipv6LinkSettings? ipv6, AddressGenerationMode? generation) = (null, null, null);
        while (families.TryRead(out var family))
        {
            var settings = family.Nested;
            while (family.Type is RouteMessages.AF_INET or RouteMessages.AF_INET6 && settings.TryRead(out var a))
            {
                switch ((family.Type, a.Type))
                {
                    case (RouteMessages.AF_INET, LinkAttributes.IFLA_INET_CONF):
                        ipv4 = Ipv4LinkSettings.Read(MemoryMarshal.Cast<byte, int>(a.Content));
                        break;
                    case (RouteMessages.AF_INET6, LinkAttributes.IFLA_INET6_CONF):
                        ipv6 = Ipv6LinkSettings.Read(MemoryMarshal.Cast<byte, int>(a.Content));
                        break;
                    case (RouteMessages.AF_INET6, LinkAttributes.IFLA_INET6_ADDR_GEN_MODE):
                        generation = (AddressGenerationMode)a.U8;
                        break;
                }
            }
        }

        return (ipv4, ipv6, generation);
    }

    private static string ReadKind(AttributeReader attributes)
    {
        while (attributes.TryRead(out var a))
        {
            if (a.Type == LinkAttributes.IFLA_INFO_KIND)
            {
                return a.Text;
            }
        }

        return "";
    }
}
