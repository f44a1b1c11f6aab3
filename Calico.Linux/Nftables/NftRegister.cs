namespace Calico.Linux.Nftables;

/// <summary>A register of the rule's little machine, as the kernel numbers it (uapi nf_tables.h, enum nft_registers).</summary>
/// <remarks>
/// Sixteen words of four bytes, <see cref="Word"/>; every four of them are one of the old 16-byte registers, <see cref="Wide"/>.
/// A wide value starts at a word and takes as many as it needs. Registers do not survive from one rule to the next.
/// </remarks>
public readonly record struct NftRegister
{
    private const uint FirstWord = 8;
    private const int WordCount = 16;
    private const uint WordsOfWide = 4;

    private NftRegister(uint number) => Number = number;

    /// <summary>The kernel's number.</summary>
    public uint Number { get; }

    /// <summary>NFT_REG_VERDICT.</summary>
    public static NftRegister Verdict => default;

    /// <summary>NFT_REG32_00 + <paramref name="index"/>, 0 to 15.</summary>
    public static NftRegister Word(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, WordCount);
        return new NftRegister(FirstWord + (uint)index);
    }

    /// <summary>NFT_REG_1 to NFT_REG_4: 16 bytes, over words 0, 4, 8 and 12.</summary>
    public static NftRegister Wide(int index)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(index, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, 4);
        return new NftRegister((uint)index);
    }

    /// <summary>The kernel's number of the word that a register begins at: <see cref="Wide"/> 1 and <see cref="Word"/> 0 are one place, and
    /// the kernel lists it under the older name (nft_dump_register).</summary>
    internal static uint WordOf(uint number) => number is > 0 and < FirstWord ? FirstWord + (number - 1) * WordsOfWide : number;

    public override string ToString() => Number >= FirstWord ? $"r{Number - FirstWord}" : Number == 0 ? "verdict" : $"R{Number}";
}
