using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

public sealed partial class NftBatch
{
    /// <summary>Adds a named counter. One that exists keeps its count.</summary>
    public void AddCounter(NftTable table, string name, ulong packets = 0, ulong bytes = 0)
    {
        BeginCounter(NftMessages.NFT_MSG_NEWOBJ, NetlinkFlags.Create, "add", table, name);
        var data = _writer.BeginNested(NftMessages.NFTA_OBJ_DATA);
        _writer.WriteU64BigEndian(NftMessages.NFTA_COUNTER_BYTES, bytes);
        _writer.WriteU64BigEndian(NftMessages.NFTA_COUNTER_PACKETS, packets);
        _writer.EndNested(data);
        End();
    }

    /// <summary>Deletes a named counter. <see cref="Errno.Busy"/>: a rule uses it.</summary>
    public void DeleteCounter(NftTable table, string name)
    {
        BeginCounter(NftMessages.NFT_MSG_DELOBJ, NetlinkFlags.None, "delete", table, name);
        End();
    }

    private void BeginCounter(ushort message, NetlinkFlags flags, string verb, NftTable table, string name)
    {
        Begin(message, flags, new NftRequest(verb, NftObjectKind.Counter, table, name, ""));
        _writer.WriteString(NftMessages.NFTA_OBJ_TABLE, table.Name);
        _writer.WriteString(NftMessages.NFTA_OBJ_NAME, name);
        _writer.WriteU32BigEndian(NftMessages.NFTA_OBJ_TYPE, NftMessages.NFT_OBJECT_COUNTER);
    }
}
