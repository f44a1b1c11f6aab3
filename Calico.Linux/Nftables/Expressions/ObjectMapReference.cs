using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Uses the named object that a key maps to, in a map of objects.</summary>
public sealed record ObjectMapReference(string Map, NftRegister Key) : NftExpression
{
    private const ushort NFTA_OBJREF_SET_SREG = 3;
    private const ushort NFTA_OBJREF_SET_NAME = 4;

    public override string Name => "objref";

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_OBJREF_SET_SREG, Key.Number);
        writer.WriteString(NFTA_OBJREF_SET_NAME, Map);
    }
}
