using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Loads bytes of the packet into a register.</summary>
public sealed record Payload(PayloadBase From, int Offset, int Length, NftRegister Target) : NftExpression
{
    private const ushort NFTA_PAYLOAD_DREG = 1;
    private const ushort NFTA_PAYLOAD_BASE = 2;
    private const ushort NFTA_PAYLOAD_OFFSET = 3;
    private const ushort NFTA_PAYLOAD_LEN = 4;

    public override string Name => "payload";

    /// <summary>IPv4 source address, 4 bytes. Check the family before.</summary>
    public static Payload SourceIPv4(NftRegister target) => new(PayloadBase.NetworkHeader, 12, 4, target);

    public static Payload DestinationIPv4(NftRegister target) => new(PayloadBase.NetworkHeader, 16, 4, target);

    /// <summary>IPv6 source address, 16 bytes.</summary>
    public static Payload SourceIPv6(NftRegister target) => new(PayloadBase.NetworkHeader, 8, 16, target);

    public static Payload DestinationIPv6(NftRegister target) => new(PayloadBase.NetworkHeader, 24, 16, target);

    /// <summary>Source port, 2 bytes. Check the transport protocol before: for ICMP these bytes are type and code.</summary>
    public static Payload SourcePort(NftRegister target) => new(PayloadBase.TransportHeader, 0, 2, target);

    public static Payload DestinationPort(NftRegister target) => new(PayloadBase.TransportHeader, 2, 2, target);

    /// <summary>ICMP or ICMPv6 type, 1 byte.</summary>
    public static Payload IcmpType(NftRegister target) => new(PayloadBase.TransportHeader, 0, 1, target);

    /// <summary>ICMP or ICMPv6 type and code, 2 bytes.</summary>
    public static Payload IcmpTypeAndCode(NftRegister target) => new(PayloadBase.TransportHeader, 0, 2, target);

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_PAYLOAD_DREG, Target.Number);
        writer.WriteU32BigEndian(NFTA_PAYLOAD_BASE, (uint)From);
        writer.WriteU32BigEndian(NFTA_PAYLOAD_OFFSET, (uint)Offset);
        writer.WriteU32BigEndian(NFTA_PAYLOAD_LEN, (uint)Length);
    }
}
