using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Counts the packets that get here, in the rule itself. For a counter that several rules share see <see cref="Named"/>.</summary>
public sealed record Counter(ulong Packets = 0, ulong Bytes = 0) : NftExpression
{
    public override string Name => "counter";

    /// <summary>Counts in a named object of the table.</summary>
    public static ObjectReference Named(string name) => new(NftMessages.NFT_OBJECT_COUNTER, name);

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU64BigEndian(NftMessages.NFTA_COUNTER_BYTES, Bytes);
        writer.WriteU64BigEndian(NftMessages.NFTA_COUNTER_PACKETS, Packets);
    }
}
