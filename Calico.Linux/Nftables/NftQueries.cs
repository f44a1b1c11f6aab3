using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>The GET requests of nf_tables.</summary>
internal static class NftQueries
{
    public static void Generation(NetlinkWriter writer, uint sequence)
    {
        Begin(writer, NftMessages.NFT_MSG_GETGEN, NetlinkFlags.None, NftFamily.Unspecified, sequence);
        writer.EndMessage();
    }

    public static void Tables(NetlinkWriter writer, uint sequence)
    {
        Begin(writer, NftMessages.NFT_MSG_GETTABLE, NetlinkFlags.Dump, NftFamily.Unspecified, sequence);
        writer.EndMessage();
    }

    /// <summary>Chains of every table of the family: the kernel has no filter by table here.</summary>
    public static void Chains(NetlinkWriter writer, uint sequence, NftFamily family)
    {
        Begin(writer, NftMessages.NFT_MSG_GETCHAIN, NetlinkFlags.Dump, family, sequence);
        writer.EndMessage();
    }

    public static void Rules(NetlinkWriter writer, uint sequence, NftTable table, string? chain)
    {
        Begin(writer, NftMessages.NFT_MSG_GETRULE, NetlinkFlags.Dump, table.Family, sequence);
        writer.WriteString(NftMessages.NFTA_RULE_TABLE, table.Name);
        if (chain is not null)
        {
            writer.WriteString(NftMessages.NFTA_RULE_CHAIN, chain);
        }

        writer.EndMessage();
    }

    public static void Sets(NetlinkWriter writer, uint sequence, NftTable table)
    {
        Begin(writer, NftMessages.NFT_MSG_GETSET, NetlinkFlags.Dump, table.Family, sequence);
        writer.WriteString(NftMessages.NFTA_SET_TABLE, table.Name);
        writer.EndMessage();
    }

    public static void Elements(NetlinkWriter writer, uint sequence, NftTable table, string set)
    {
        Begin(writer, NftMessages.NFT_MSG_GETSETELEM, NetlinkFlags.Dump, table.Family, sequence);
        writer.WriteString(NftMessages.NFTA_SET_ELEM_LIST_TABLE, table.Name);
        writer.WriteString(NftMessages.NFTA_SET_ELEM_LIST_SET, set);
        writer.EndMessage();
    }

    /// <summary>Named objects of every kind.</summary>
    public static void Objects(NetlinkWriter writer, uint sequence, NftTable table)
    {
        Begin(writer, NftMessages.NFT_MSG_GETOBJ, NetlinkFlags.Dump, table.Family, sequence);
        writer.WriteString(NftMessages.NFTA_OBJ_TABLE, table.Name);
        writer.EndMessage();
    }

    public static void Flowtables(NetlinkWriter writer, uint sequence, NftTable table)
    {
        Begin(writer, NftMessages.NFT_MSG_GETFLOWTABLE, NetlinkFlags.Dump, table.Family, sequence);
        writer.WriteString(NftMessages.NFTA_FLOWTABLE_TABLE, table.Name);
        writer.EndMessage();
    }

    public static void Counters(NetlinkWriter writer, uint sequence, NftTable table, bool reset)
    {
        Begin(writer, reset ? NftMessages.NFT_MSG_GETOBJ_RESET : NftMessages.NFT_MSG_GETOBJ, NetlinkFlags.Dump, table.Family, sequence);
        writer.WriteString(NftMessages.NFTA_OBJ_TABLE, table.Name);
        writer.WriteU32BigEndian(NftMessages.NFTA_OBJ_TYPE, NftMessages.NFT_OBJECT_COUNTER);
        writer.EndMessage();
    }

    private static void Begin(NetlinkWriter writer, ushort message, NetlinkFlags flags, NftFamily family, uint sequence)
    {
        writer.BeginMessage(NftMessages.Type(message), NetlinkFlags.Request | flags, sequence);
        writer.WriteStruct(new NetfilterHeader { Family = (byte)family });
    }
}
