using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Loads a constant into a register.</summary>
public sealed record Immediate(NftRegister Target, NftValue Value) : NftExpression
{
    internal const ushort NFTA_IMMEDIATE_DREG = 1;
    internal const ushort NFTA_IMMEDIATE_DATA = 2;

    public override string Name => "immediate";

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_IMMEDIATE_DREG, Target.Number);
        NftData.Write(writer, NFTA_IMMEDIATE_DATA, Value.Bytes);
    }
}
