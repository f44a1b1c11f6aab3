using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Calico.Linux.Netlink;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Route;

public sealed partial class RouteBatch
{
    private const int MaxNameBytes = 15;

    /// <summary>Makes a pair. <see cref="Errno.Exists"/>: a name is taken.</summary>
    public void AddVeth(VethPair pair)
    {
        ArgumentNullException.ThrowIfNull(pair);
        CheckName(pair.Name);
        CheckName(pair.PeerName);
        Begin(RouteMessages.RTM_NEWLINK, NetlinkFlags.Create | NetlinkFlags.Exclusive, $"add veth {pair.Name} with peer {pair.PeerName}");
        WriteLinkHeader(pair.Index, pair.Up ? LinkAttributes.IFF_UP : 0, pair.Up ? LinkAttributes.IFF_UP : 0);
        WriteEnd(pair.Name, pair.Mac, pair.Mtu, pair.QueuePairs);
        if (pair.Group != 0)
        {
            _writer.WriteU32(LinkAttributes.IFLA_GROUP, pair.Group);
        }

        var info = _writer.BeginNested(LinkAttributes.IFLA_LINKINFO);
        _writer.WriteString(LinkAttributes.IFLA_INFO_KIND, "veth");
        var data = _writer.BeginNested(LinkAttributes.IFLA_INFO_DATA);
        var peer = _writer.BeginNested(LinkAttributes.VETH_INFO_PEER);
        WriteLinkHeader(pair.PeerIndex, 0, 0);
        WriteEnd(pair.PeerName, pair.PeerMac, pair.Mtu, pair.QueuePairs);
        if (pair.PeerNamespace is { } target)
        {
            WriteDescriptor(LinkAttributes.IFLA_NET_NS_FD, target);
        }

        _writer.EndNested(peer);
        _writer.EndNested(data);
        _writer.EndNested(info);
        End();
    }

    /// <summary>Makes a device that drops what is sent to it; a place for addresses.</summary>
    public void AddDummy(string name, int index = 0, bool up = true)
    {
        CheckName(name);
        Begin(RouteMessages.RTM_NEWLINK, NetlinkFlags.Create | NetlinkFlags.Exclusive, $"add dummy link {name}");
        WriteLinkHeader(index, up ? LinkAttributes.IFF_UP : 0, up ? LinkAttributes.IFF_UP : 0);
        _writer.WriteString(LinkAttributes.IFLA_IFNAME, name);
        var info = _writer.BeginNested(LinkAttributes.IFLA_LINKINFO);
        _writer.WriteString(LinkAttributes.IFLA_INFO_KIND, "dummy");
        _writer.EndNested(info);
        End();
    }

    /// <summary>Makes a VXLAN device.</summary>
    public void AddVxlan(VxlanLink link)
    {
        ArgumentNullException.ThrowIfNull(link);
        CheckName(link.Name);
        Begin(RouteMessages.RTM_NEWLINK, NetlinkFlags.Create | NetlinkFlags.Exclusive, $"add vxlan {link.Name} with id {link.Vni}");
        WriteLinkHeader(link.Index, link.Up ? LinkAttributes.IFF_UP : 0, link.Up ? LinkAttributes.IFF_UP : 0);
        WriteEnd(link.Name, link.Mac, link.Mtu, queuePairs: 0);
        var info = _writer.BeginNested(LinkAttributes.IFLA_LINKINFO);
        _writer.WriteString(LinkAttributes.IFLA_INFO_KIND, "vxlan");
        var data = _writer.BeginNested(LinkAttributes.IFLA_INFO_DATA);
        _writer.WriteU32(LinkAttributes.IFLA_VXLAN_ID, (uint)link.Vni);
        _writer.WriteU16BigEndian(LinkAttributes.IFLA_VXLAN_PORT, (ushort)link.Port);
        _writer.WriteU8(LinkAttributes.IFLA_VXLAN_LEARNING, 0);
        if (link.ParentIndex != 0)
        {
            _writer.WriteI32(LinkAttributes.IFLA_VXLAN_LINK, link.ParentIndex);
        }

        if (link.Local is { } local)
        {
            _writer.WriteAddress(local.AddressFamily == AddressFamily.InterNetwork
                ? LinkAttributes.IFLA_VXLAN_LOCAL : LinkAttributes.IFLA_VXLAN_LOCAL6, local);
        }

        _writer.EndNested(data);
        _writer.EndNested(info);
        End();
    }

    /// <summary>Changes a link that exists.</summary>
    public void ChangeLink(LinkChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (change.Name is { } name)
        {
            CheckName(name);
        }

        Begin(RouteMessages.RTM_SETLINK, NetlinkFlags.None, $"change link {change.Index}");
        uint Flag(bool? isSet, uint flag) => isSet == true ? flag : 0;
        uint Mask(bool? value, uint flag) => value is null ? 0 : flag;
        WriteLinkHeader(change.Index,
            Flag(change.Up, LinkAttributes.IFF_UP) | Flag(!change.Arp, LinkAttributes.IFF_NOARP) | Flag(change.Multicast,
                LinkAttributes.IFF_MULTICAST),
            Mask(change.Up, LinkAttributes.IFF_UP) | Mask(change.Arp, LinkAttributes.IFF_NOARP) | Mask(change.Multicast,
                LinkAttributes.IFF_MULTICAST));
        if (change.Name is not null)
        {
            _writer.WriteString(LinkAttributes.IFLA_IFNAME, change.Name);
        }

        if (change.Mtu is { } mtu)
        {
            _writer.WriteU32(LinkAttributes.IFLA_MTU, (uint)mtu);
        }

        if (change.Mac is { } mac)
        {
            _writer.WriteBytes(LinkAttributes.IFLA_ADDRESS, mac.GetAddressBytes());
        }

        if (change.Group is { } group)
        {
            _writer.WriteU32(LinkAttributes.IFLA_GROUP, group);
        }

        if (change.Alias is { } alias)
        {
            _writer.WriteString(LinkAttributes.IFLA_IFALIAS, alias);
        }

        if (change.MasterIndex is { } master)
        {
            _writer.WriteI32(LinkAttributes.IFLA_MASTER, master);
        }

        if (change.MoveTo is { } target)
        {
            WriteDescriptor(LinkAttributes.IFLA_NET_NS_FD, target);
        }

        WriteFamilySettings(change.Ipv4, change.AddressGeneration);
        End();
    }

    /// <summary>Has the kernel take note of a link's carrier now, not at its next round of deferred work: until then the link sends
    /// nothing. (Asking for the link does that, rtnl_getlink, since 6.8; before, it is some milliseconds.) The answer is not read.
    /// </summary>
    public void SettleCarrier(int index)
    {
        Begin(RouteMessages.RTM_GETLINK, NetlinkFlags.None, $"settle the carrier of link {index}");
        WriteLinkHeader(index, 0, 0);
        _writer.WriteU32(LinkAttributes.IFLA_EXT_MASK, LinkAttributes.RTEXT_FILTER_SKIP_STATS);
        End();
    }

    /// <summary>Deletes one link, about 20 ms. <see cref="Errno.NoDevice"/>: it is gone already.</summary>
    public void DeleteLink(int index)
    {
        Begin(RouteMessages.RTM_DELLINK, NetlinkFlags.None, $"delete link {index}");
        WriteLinkHeader(index, 0, 0);
        End();
    }

    /// <summary>Deletes every link of a group together, under 1 ms each. <see cref="Errno.NoDevice"/>: the group is empty.</summary>
    public void DeleteLinkGroup(uint group)
    {
        if (group == 0)
        {
            throw new ArgumentOutOfRangeException(nameof(group), "group 0 is where every link starts; deleting it would delete them all");
        }

        Begin(RouteMessages.RTM_DELLINK, NetlinkFlags.None, $"delete link group {group}");
        WriteLinkHeader(0, 0, 0);
        _writer.WriteU32(LinkAttributes.IFLA_GROUP, group);
        End();
    }

    private static void CheckName(string name)
    {
        if (name.Length is 0 || System.Text.Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
        {
            throw new ArgumentException($"link name '{name}' is not 1 to {MaxNameBytes} bytes long", nameof(name));
        }
    }

    private void WriteLinkHeader(int index, uint flags, uint change) =>
        _writer.WriteStruct(new LinkHeader { Index = index, Flags = flags, Change = change });

    private void WriteEnd(string name, PhysicalAddress? mac, int mtu, int queuePairs)
    {
        _writer.WriteString(LinkAttributes.IFLA_IFNAME, name);
        if (mac is not null)
        {
            _writer.WriteBytes(LinkAttributes.IFLA_ADDRESS, mac.GetAddressBytes());
        }

        if (mtu != 0)
        {
            _writer.WriteU32(LinkAttributes.IFLA_MTU, (uint)mtu);
        }

        if (queuePairs == 0)
        {
            return;
        }

        _writer.WriteU32(LinkAttributes.IFLA_NUM_TX_QUEUES, (uint)queuePairs);
        _writer.WriteU32(LinkAttributes.IFLA_NUM_RX_QUEUES, (uint)queuePairs);
    }

    private void WriteFamilySettings(Ipv4LinkSettings? ipv4, AddressGenerationMode? generation)
    {
        if (ipv4 is null && generation is null)
        {
            return;
        }

        var families = _writer.BeginNested(LinkAttributes.IFLA_AF_SPEC);
        if (ipv4 is not null)
        {
            var family = _writer.BeginNested(RouteMessages.AF_INET);
            var settings = _writer.BeginNested(LinkAttributes.IFLA_INET_CONF);
            foreach ((var key, var value) in ipv4.Set())
            {
                _writer.WriteI32(key, value);
            }

            _writer.EndNested(settings);
            _writer.EndNested(family);
        }

        if (generation is { } mode)
        {
            var family = _writer.BeginNested(RouteMessages.AF_INET6);
            _writer.WriteU8(LinkAttributes.IFLA_INET6_ADDR_GEN_MODE, (byte)mode);
            _writer.EndNested(family);
        }

        _writer.EndNested(families);
    }

    /// <summary>The number of an open descriptor. The caller keeps it open until the batch was sent, or the number means another file.
    /// </summary>
    private void WriteDescriptor(ushort type, SafeFileHandle descriptor)
    {
        ObjectDisposedException.ThrowIf(descriptor.IsClosed, descriptor);
        _writer.WriteI32(type, (int)descriptor.DangerousGetHandle());
        _held.Add(descriptor);
    }
}
