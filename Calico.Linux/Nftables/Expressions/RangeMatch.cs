using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Goes on only if a register is within (or outside) an inclusive range (the kernel's <c>range</c>).</summary>
public sealed record RangeMatch(NftRegister Source, NftValue First, NftValue Last, bool Inverted = false) : NftExpression
{
    private const ushort NFTA_RANGE_SREG = 1;
    private const ushort NFTA_RANGE_OP = 2;
    private const ushort NFTA_RANGE_FROM_DATA = 3;
    private const ushort NFTA_RANGE_TO_DATA = 4;

    public override string Name => "range";

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_RANGE_SREG, Source.Number);
        writer.WriteU32BigEndian(NFTA_RANGE_OP, Inverted ? 1u : 0u);
        NftData.Write(writer, NFTA_RANGE_FROM_DATA, First.Bytes);
        NftData.Write(writer, NFTA_RANGE_TO_DATA, Last.Bytes);
    }
}
