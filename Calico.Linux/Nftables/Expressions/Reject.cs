using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Drops the packet and tells its sender.</summary>
public sealed record Reject : NftExpression
{
    private const ushort NFTA_REJECT_TYPE = 1;
    private const ushort NFTA_REJECT_ICMP_CODE = 2;

    // uapi nf_tables.h, enum nft_reject_types, enum nft_reject_inet_code
    private const uint NFT_REJECT_TCP_RST = 1;
    private const uint NFT_REJECT_ICMPX_UNREACH = 2;
    private const byte NFT_REJECT_ICMPX_PORT_UNREACH = 1;
    private const byte NFT_REJECT_ICMPX_ADMIN_PROHIBITED = 3;

    private Reject(uint type, byte code)
    {
        Type = type;
        Code = code;
    }

    public override string Name => "reject";

    public uint Type { get; }

    public byte Code { get; }

    /// <summary>A TCP reset; the rule must have checked that it is TCP.</summary>
    public static Reject TcpReset { get; } = new(NFT_REJECT_TCP_RST, 0);

    /// <summary>ICMP or ICMPv6 "port unreachable", by the packet's family.</summary>
    public static Reject PortUnreachable { get; } = new(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_PORT_UNREACH);

    public static Reject AdministrativelyProhibited { get; } = new(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_REJECT_TYPE, Type);
        writer.WriteU8(NFTA_REJECT_ICMP_CODE, Code);
    }
}
