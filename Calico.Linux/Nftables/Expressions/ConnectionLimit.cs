using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Goes on only while no more than so many connections have passed here (or, <paramref name="Over"/>, once there are more).
/// </summary>
/// <remarks>Counts what reaches it and still lives: place it where only new connections come.</remarks>
/// <param name="Count">Connections.</param>
/// <param name="Over">Matches above the count.</param>
public sealed record ConnectionLimit(uint Count, bool Over = false) : NftExpression
{
    private const ushort NFTA_CONNLIMIT_COUNT = 1;
    private const ushort NFTA_CONNLIMIT_FLAGS = 2;
    private const uint NFT_CONNLIMIT_F_INV = 1;

    public override string Name => "connlimit";

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_CONNLIMIT_COUNT, Count);
        writer.WriteU32BigEndian(NFTA_CONNLIMIT_FLAGS, Over ? NFT_CONNLIMIT_F_INV : 0);
    }
}
