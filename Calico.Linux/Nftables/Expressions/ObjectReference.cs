using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Uses a named object of the table (the kernel's <c>objref</c>).</summary>
public sealed record ObjectReference(uint ObjectType, string Object) : NftExpression
{
    private const ushort NFTA_OBJREF_IMM_TYPE = 1;
    private const ushort NFTA_OBJREF_IMM_NAME = 2;

    public override string Name => "objref";

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_OBJREF_IMM_TYPE, ObjectType);
        writer.WriteString(NFTA_OBJREF_IMM_NAME, Object);
    }
}
