using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Loads a fact about the packet into a register, or sets one from a register.</summary>
public sealed record Meta : NftExpression
{
    private const ushort NFTA_META_DREG = 1;
    private const ushort NFTA_META_KEY = 2;
    private const ushort NFTA_META_SREG = 3;

    private Meta(MetaKey key, NftRegister register, bool sets)
    {
        Key = key;
        Register = register;
        Sets = sets;
    }

    public override string Name => "meta";

    public MetaKey Key { get; }

    public NftRegister Register { get; }

    /// <summary>True: the fact is set from the register.</summary>
    public bool Sets { get; }

    public static Meta Load(MetaKey key, NftRegister target) => new(key, target, sets: false);

    public static Meta Set(MetaKey key, NftRegister source) => new(key, source, sets: true);

    protected override void WriteContent(NetlinkWriter writer)
    {
        if (!Sets)
        {
            writer.WriteU32BigEndian(NFTA_META_DREG, Register.Number);
        }

        writer.WriteU32BigEndian(NFTA_META_KEY, (uint)Key);
        if (Sets)
        {
            writer.WriteU32BigEndian(NFTA_META_SREG, Register.Number);
        }
    }
}
