using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Goes on only below (or, <paramref name="Over"/>, above) a rate.</summary>
/// <param name="Rate">Packets or bytes per <paramref name="Per"/>.</param>
/// <param name="Per">Second, minute, hour, day or week.</param>
/// <param name="Burst">How many more at once.</param>
/// <param name="InBytes">Counts bytes.</param>
/// <param name="Over">Matches what is over the rate.</param>
public sealed record Limit(ulong Rate, TimeSpan Per, uint Burst = 5, bool InBytes = false, bool Over = false) : NftExpression
{
    private const ushort NFTA_LIMIT_RATE = 1;
    private const ushort NFTA_LIMIT_UNIT = 2;
    private const ushort NFTA_LIMIT_BURST = 3;
    private const ushort NFTA_LIMIT_TYPE = 4;
    private const ushort NFTA_LIMIT_FLAGS = 5;
    private const uint NFT_LIMIT_F_INV = 1;

    public override string Name => "limit";

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU64BigEndian(NFTA_LIMIT_RATE, Rate);
        writer.WriteU64BigEndian(NFTA_LIMIT_UNIT, (ulong)Per.TotalSeconds);
        writer.WriteU32BigEndian(NFTA_LIMIT_BURST, Burst);
        writer.WriteU32BigEndian(NFTA_LIMIT_TYPE, InBytes ? 1u : 0u);
        writer.WriteU32BigEndian(NFTA_LIMIT_FLAGS, Over ? NFT_LIMIT_F_INV : 0);
    }
}
