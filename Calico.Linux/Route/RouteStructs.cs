using System.Runtime.InteropServices;

namespace Calico.Linux.Route;

/// <summary>struct ifinfomsg (uapi linux/rtnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LinkHeader
{
    public byte Family;
    public byte Pad;
    public ushort Type;
    public int Index;
    public uint Flags;
    public uint Change;
}

/// <summary>struct rtgenmsg (uapi linux/rtnetlink.h), padded as messages are.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct GeneralHeader
{
    public byte Family;
    public byte Pad1;
    public ushort Pad2;
}

/// <summary>struct ifaddrmsg (uapi linux/if_addr.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AddressHeader
{
    public byte Family;
    public byte PrefixLength;
    public byte Flags;
    public byte Scope;
    public int Index;
}

/// <summary>struct rtmsg (uapi linux/rtnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RouteHeader
{
    public byte Family;
    public byte DestinationLength;
    public byte SourceLength;
    public byte Tos;
    public byte Table;
    public byte Protocol;
    public byte Scope;
    public byte Kind;
    public uint Flags;
}

/// <summary>struct fib_rule_hdr (uapi linux/fib_rules.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RuleHeader
{
    public byte Family;
    public byte DestinationLength;
    public byte SourceLength;
    public byte Tos;
    public byte Table;
    public byte Reserved1;
    public byte Reserved2;
    public byte Action;
    public uint Flags;
}

/// <summary>struct ndmsg (uapi linux/neighbour.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NeighbourHeader
{
    public byte Family;
    public byte Pad1;
    public ushort Pad2;
    public int Index;
    public ushort State;
    public byte Flags;
    public byte Type;
}
