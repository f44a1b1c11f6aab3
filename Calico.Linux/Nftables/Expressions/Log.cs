using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Tells of the packet: to the readers of an nflog group, or to the kernel's log when no group is given.</summary>
/// <param name="Prefix">At most 127 bytes; tells which rule it was.</param>
/// <param name="Group">nflog group.</param>
/// <param name="SnapLength">Bytes of the packet passed along; 0 is all. nflog only.</param>
public sealed record Log(string Prefix, ushort? Group = null, uint SnapLength = 0) : NftExpression
{
    private const ushort NFTA_LOG_GROUP = 1;
    private const ushort NFTA_LOG_PREFIX = 2;
    private const ushort NFTA_LOG_SNAPLEN = 3;

    public override string Name => "log";

    protected override void WriteContent(NetlinkWriter writer)
    {
        if (Group is { } group)
        {
            writer.WriteU16BigEndian(NFTA_LOG_GROUP, group);
        }

        writer.WriteString(NFTA_LOG_PREFIX, Prefix);
        if (Group is not null && SnapLength != 0)
        {
            writer.WriteU32BigEndian(NFTA_LOG_SNAPLEN, SnapLength);
        }
    }
}
