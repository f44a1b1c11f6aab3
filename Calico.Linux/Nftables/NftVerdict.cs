using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>What happens to the packet, or where the evaluation goes on.</summary>
public readonly record struct NftVerdict
{
    // uapi linux/netfilter.h NF_DROP, NF_ACCEPT; nf_tables.h enum nft_verdicts
    private const int NF_DROP = 0;
    private const int NF_ACCEPT = 1;
    private const int NFT_CONTINUE = -1;
    private const int NFT_BREAK = -2;
    private const int NFT_JUMP = -3;
    private const int NFT_GOTO = -4;
    private const int NFT_RETURN = -5;

    private NftVerdict(int code, string? chain = null)
    {
        Code = code;
        Chain = chain;
    }

    /// <summary>The kernel's number.</summary>
    public int Code { get; }

    /// <summary>Target of a jump or goto, else null.</summary>
    public string? Chain { get; }

    /// <summary>Ends the base chain only: later chains and hooks still judge.</summary>
    public static NftVerdict Accept => new(NF_ACCEPT);

    /// <summary>Final.</summary>
    public static NftVerdict Drop => new(NF_DROP);

    public static NftVerdict Return => new(NFT_RETURN);

    public static NftVerdict Continue => new(NFT_CONTINUE);

    /// <summary>To a chain, and back at its end.</summary>
    public static NftVerdict Jump(string chain) => new(NFT_JUMP, chain ?? throw new ArgumentNullException(nameof(chain)));

    /// <summary>To a chain; its end is the end of this one. Counts towards the nesting limit of 16 like a jump.</summary>
    public static NftVerdict Goto(string chain) => new(NFT_GOTO, chain ?? throw new ArgumentNullException(nameof(chain)));

    public override string ToString() => Code switch
    {
        NF_DROP => "drop",
        NF_ACCEPT => "accept",
        NFT_CONTINUE => "continue",
        NFT_BREAK => "break",
        NFT_JUMP => $"jump {Chain}",
        NFT_GOTO => $"goto {Chain}",
        NFT_RETURN => "return",
        _ => $"verdict {Code}",
    };

    internal static NftVerdict Read(AttributeReader attributes)
    {
        var code = NFT_CONTINUE;
        string? chain = null;
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_VERDICT_CODE: code = (int)a.U32BigEndian; break;
                case NftMessages.NFTA_VERDICT_CHAIN: chain = a.Text; break;
            }
        }

        return new NftVerdict(code, chain);
    }

    /// <summary>NFTA_DATA_VERDICT inside an attribute of the given type.</summary>
    internal void Write(NetlinkWriter writer, ushort type)
    {
        var data = writer.BeginNested(type);
        var verdict = writer.BeginNested(NftMessages.NFTA_DATA_VERDICT);
        writer.WriteU32BigEndian(NftMessages.NFTA_VERDICT_CODE, (uint)Code);
        if (Chain is not null)
        {
            writer.WriteString(NftMessages.NFTA_VERDICT_CHAIN, Chain);
        }

        writer.EndNested(verdict);
        writer.EndNested(data);
    }
}
