using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

public sealed partial class NftBatch
{
    public void AddTable(NftTable table)
    {
        Begin(NftMessages.NFT_MSG_NEWTABLE, NetlinkFlags.Create, new NftRequest("add", NftObjectKind.Table, table, "", ""));
        _writer.WriteString(NftMessages.NFTA_TABLE_NAME, table.Name);
        End();
    }

    /// <summary>Deletes a table with all that is in it. <see cref="Errno.NoEntry"/>: it is not there.</summary>
    public void DeleteTable(NftTable table)
    {
        Begin(NftMessages.NFT_MSG_DELTABLE, NetlinkFlags.None, new NftRequest("delete", NftObjectKind.Table, table, "", ""));
        _writer.WriteString(NftMessages.NFTA_TABLE_NAME, table.Name);
        End();
    }

    /// <summary>Sees to it that there is no such table; no error if there was none. (Works on kernels without DESTROYTABLE, before 6.3.)
    /// </summary>
    public void DestroyTable(NftTable table)
    {
        AddTable(table);
        DeleteTable(table);
    }
}
