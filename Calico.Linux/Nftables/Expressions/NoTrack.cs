using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Keeps connection tracking away from the packet; only before it has run (raw priority).</summary>
public sealed record NoTrack : NftExpression
{
    public override string Name => "notrack";

    protected override void WriteContent(NetlinkWriter writer)
    {
    }
}
