using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Goes on only if a register compares so with a value (the kernel's <c>cmp</c>).</summary>
/// <remarks>A value shorter than what was loaded compares its first bytes: that is how a name prefix is matched.</remarks>
public sealed record Compare(NftRegister Source, ComparisonOperator Operator, NftValue Value) : NftExpression
{
    private const ushort NFTA_CMP_SREG = 1;
    private const ushort NFTA_CMP_OP = 2;
    private const ushort NFTA_CMP_DATA = 3;

    public override string Name => "cmp";

    public static Compare Equal(NftRegister source, NftValue value) => new(source, ComparisonOperator.Equal, value);

    public static Compare NotEqual(NftRegister source, NftValue value) => new(source, ComparisonOperator.NotEqual, value);

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_CMP_SREG, Source.Number);
        writer.WriteU32BigEndian(NFTA_CMP_OP, (uint)Operator);
        NftData.Write(writer, NFTA_CMP_DATA, Value.Bytes);
    }
}
