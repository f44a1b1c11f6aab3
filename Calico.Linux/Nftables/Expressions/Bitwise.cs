using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>target = (source AND mask) XOR xor.</summary>
public sealed record Bitwise(NftRegister Source, NftRegister Target, NftValue Mask, NftValue Xor) : NftExpression
{
    private const ushort NFTA_BITWISE_SREG = 1;
    private const ushort NFTA_BITWISE_DREG = 2;
    private const ushort NFTA_BITWISE_LEN = 3;
    private const ushort NFTA_BITWISE_MASK = 4;
    private const ushort NFTA_BITWISE_XOR = 5;

    public override string Name => "bitwise";

    /// <summary>Keeps the bits of <paramref name="mask"/>, in place.</summary>
    public static Bitwise And(NftRegister register, NftValue mask) => new(register, register, mask, new NftValue(new byte[mask.Length]));

    /// <summary>Sets bits of a four-byte native word such as the mark, in place.</summary>
    public static Bitwise Or(NftRegister register, uint bits) => new(register, register, NftValue.Native(~bits), NftValue.Native(bits));

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_BITWISE_SREG, Source.Number);
        writer.WriteU32BigEndian(NFTA_BITWISE_DREG, Target.Number);
        writer.WriteU32BigEndian(NFTA_BITWISE_LEN, (uint)Mask.Length);
        NftData.Write(writer, NFTA_BITWISE_MASK, Mask.Bytes);
        NftData.Write(writer, NFTA_BITWISE_XOR, Xor.Bytes);
    }
}
