using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Loads a fact about the packet's connection, or sets one (the kernel's <c>ct</c>).</summary>
/// <remarks>On an untracked packet every key but State breaks the rule, also where the comparison after it is negative: match
/// positively only.</remarks>
public sealed record Connection : NftExpression
{
    private const ushort NFTA_CT_DREG = 1;
    private const ushort NFTA_CT_KEY = 2;
    private const ushort NFTA_CT_SREG = 4;

    private Connection(ConntrackKey key, NftRegister register, bool sets)
    {
        Key = key;
        Register = register;
        Sets = sets;
    }

    public override string Name => "ct";

    public ConntrackKey Key { get; }

    public NftRegister Register { get; }

    public bool Sets { get; }

    public static Connection Load(ConntrackKey key, NftRegister target) => new(key, target, sets: false);

    public static Connection Set(ConntrackKey key, NftRegister source) => new(key, source, sets: true);

    protected override void WriteContent(NetlinkWriter writer)
    {
        if (!Sets)
        {
            writer.WriteU32BigEndian(NFTA_CT_DREG, Register.Number);
        }

        writer.WriteU32BigEndian(NFTA_CT_KEY, (uint)Key);
        if (Sets)
        {
            writer.WriteU32BigEndian(NFTA_CT_SREG, Register.Number);
        }
    }
}
