using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Source NAT to the address of the link that the packet leaves through; only in a nat chain in postrouting.</summary>
public sealed record Masquerade(NatFlags Flags = NatFlags.None, NftRegister? FirstPort = null, NftRegister? LastPort = null) : NftExpression
{
    private const ushort NFTA_MASQ_FLAGS = 1;
    private const ushort NFTA_MASQ_REG_PROTO_MIN = 2;
    private const ushort NFTA_MASQ_REG_PROTO_MAX = 3;

    public override string Name => "masq";

    protected override void WriteContent(NetlinkWriter writer)
    {
        if (Flags != NatFlags.None)
        {
            writer.WriteU32BigEndian(NFTA_MASQ_FLAGS, (uint)Flags);
        }

        if (FirstPort is { } first)
        {
            writer.WriteU32BigEndian(NFTA_MASQ_REG_PROTO_MIN, first.Number);
        }

        if (LastPort is { } last)
        {
            writer.WriteU32BigEndian(NFTA_MASQ_REG_PROTO_MAX, last.Number);
        }
    }
}
