using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Looks a key up: in a set, in a verdict map, or in a map whose data goes to a register. A miss ends the rule.</summary>
public sealed record Lookup : NftExpression
{
    private const ushort NFTA_LOOKUP_SET = 1;
    private const ushort NFTA_LOOKUP_SREG = 2;
    private const ushort NFTA_LOOKUP_DREG = 3;
    private const ushort NFTA_LOOKUP_FLAGS = 5;
    private const uint NFT_LOOKUP_F_INV = 1;

    private Lookup(string set, NftRegister key, NftRegister? target, bool inverted)
    {
        Set = set;
        Key = key;
        Target = target;
        Inverted = inverted;
    }

    public override string Name => "lookup";

    public string Set { get; }

    /// <summary>First register of the key.</summary>
    public NftRegister Key { get; }

    /// <summary>Where a map's data goes; null for a set.</summary>
    public NftRegister? Target { get; }

    /// <summary>The rule goes on if the key is not in the set.</summary>
    public bool Inverted { get; }

    /// <summary>Goes on if the key is in the set.</summary>
    public static Lookup In(string set, NftRegister key) => new(set, key, null, inverted: false);

    /// <summary>Goes on if it is not.</summary>
    public static Lookup NotIn(string set, NftRegister key) => new(set, key, null, inverted: true);

    /// <summary>The found element's verdict is the rule's.</summary>
    public static Lookup Verdict(string map, NftRegister key) => new(map, key, NftRegister.Verdict, inverted: false);

    /// <summary>The found element's data goes to <paramref name="target"/>.</summary>
    public static Lookup Data(string map, NftRegister key, NftRegister target) => new(map, key, target, inverted: false);

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteString(NFTA_LOOKUP_SET, Set);
        writer.WriteU32BigEndian(NFTA_LOOKUP_SREG, Key.Number);
        if (Target is { } target)
        {
            writer.WriteU32BigEndian(NFTA_LOOKUP_DREG, target.Number);
        }

        if (Inverted)
        {
            writer.WriteU32BigEndian(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
        }
    }
}
