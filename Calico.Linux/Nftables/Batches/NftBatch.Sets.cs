using System.Collections.Immutable;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

public sealed partial class NftBatch
{
    /// <summary>Room for the header and names of an element message, out of the 64 KiB that its one list attribute can have.</summary>
    private const int ElementListBytes = 60_000;

    public void AddSet(NftTable table, NftSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        Begin(NftMessages.NFT_MSG_NEWSET, NetlinkFlags.Create, new NftRequest("add", NftObjectKind.Set, table, set.Name, ""));
        _writer.WriteString(NftMessages.NFTA_SET_TABLE, table.Name);
        _writer.WriteString(NftMessages.NFTA_SET_NAME, set.Name);
        _writer.WriteU32BigEndian(NftMessages.NFTA_SET_FLAGS, (uint)set.Flags);
        _writer.WriteU32BigEndian(NftMessages.NFTA_SET_KEY_TYPE, set.KeyType);
        _writer.WriteU32BigEndian(NftMessages.NFTA_SET_KEY_LEN, (uint)set.KeyLength);
        if (set.DataType != 0)
        {
            _writer.WriteU32BigEndian(NftMessages.NFTA_SET_DATA_TYPE, set.DataType);
        }

        if (set.Data is { } data)
        {
            _writer.WriteU32BigEndian(NftMessages.NFTA_SET_DATA_LEN, (uint)data.Length);
        }

        if (set.ObjectType != 0)
        {
            _writer.WriteU32BigEndian(NftMessages.NFTA_SET_OBJ_TYPE, set.ObjectType);
        }

        WriteDescription(set);

        // The kernel wants a number, unique within the transaction, even where everyone refers to the set by name.
        _writer.WriteU32BigEndian(NftMessages.NFTA_SET_ID, ++_lastSetId);
        _writer.WriteBytes(NftMessages.NFTA_SET_USERDATA, set.UserData.AsSpan());
        End();
    }

    /// <summary>Deletes a set with its elements. <see cref="Errno.Busy"/>: a rule looks into it.</summary>
    public void DeleteSet(NftTable table, string name)
    {
        Begin(NftMessages.NFT_MSG_DELSET, NetlinkFlags.None, new NftRequest("delete", NftObjectKind.Set, table, name, ""));
        _writer.WriteString(NftMessages.NFTA_SET_TABLE, table.Name);
        _writer.WriteString(NftMessages.NFTA_SET_NAME, name);
        End();
    }

    /// <summary>Adds elements. The same again is no error; the same key with other data is (<see cref="Errno.Exists"/>).</summary>
    public void AddElements(NftTable table, string set, IEnumerable<NftElement> elements) =>
        WriteElements(NftMessages.NFT_MSG_NEWSETELEM, NetlinkFlags.Create, "add", table, set, elements);

    public void AddElement(NftTable table, string set, NftElement element) => AddElements(table, set, [element]);

    /// <summary>Deletes elements, by key. <see cref="Errno.NoEntry"/>: one is not there, and nothing was deleted.</summary>
    public void DeleteElements(NftTable table, string set, IEnumerable<NftElement> elements) =>
        WriteElements(NftMessages.NFT_MSG_DELSETELEM, NetlinkFlags.None, "delete", table, set, elements);

    public void DeleteElement(NftTable table, string set, NftElement element) => DeleteElements(table, set, [element]);

    /// <summary>Deletes every element of a set.</summary>
    public void FlushSet(NftTable table, string set)
    {
        BeginElements(NftMessages.NFT_MSG_DELSETELEM, NetlinkFlags.None, "flush", table, set, "");
        End();
    }

    private void BeginElements(ushort message, NetlinkFlags flags, string verb, NftTable table, string set, string detail)
    {
        Begin(message, flags, new NftRequest(verb, NftObjectKind.Elements, table, set, detail));
        _writer.WriteString(NftMessages.NFTA_SET_ELEM_LIST_TABLE, table.Name);
        _writer.WriteString(NftMessages.NFTA_SET_ELEM_LIST_SET, set);
    }

    /// <summary>As many messages as it takes: a list is one attribute, whose length has 16 bits.</summary>
    private void WriteElements(ushort message, NetlinkFlags flags, string verb, NftTable table, string set,
        IEnumerable<NftElement> elements)
    {
        ArgumentNullException.ThrowIfNull(elements);
        NestedToken? list = null;
        foreach (var element in elements)
        {
            // The end of a range stays with its start, for the sake of whoever reads the messages.
            if (list is { } full && (element.Flags & NftElementFlags.IntervalEnd) == 0
                                 && _writer.Length - full.Offset + element.WrittenLength > ElementListBytes)
            {
                _writer.EndNested(full);
                End();
                list = null;
            }

            if (list is null)
            {
                BeginElements(message, flags, verb, table, set, element.Key.Length == 0 ? "*" : $"from {element.Key}");
                list = _writer.BeginNested(NftMessages.NFTA_SET_ELEM_LIST_ELEMENTS);
            }

            element.Write(_writer, withData: message == NftMessages.NFT_MSG_NEWSETELEM);
        }

        if (list is not { } open)
        {
            return;
        }

        _writer.EndNested(open);
        End();
    }

    private void WriteDescription(NftSet set)
    {
        var fields = set.FieldLengths;
        if (set.Size == 0 && fields.IsEmpty)
        {
            return;
        }

        var description = _writer.BeginNested(NftMessages.NFTA_SET_DESC);
        if (set.Size != 0)
        {
            _writer.WriteU32BigEndian(NftMessages.NFTA_SET_DESC_SIZE, set.Size);
        }

        if (!fields.IsEmpty)
        {
            var parts = _writer.BeginNested(NftMessages.NFTA_SET_DESC_CONCAT);
            foreach (var length in fields)
            {
                var field = _writer.BeginNested(NftMessages.NFTA_LIST_ELEM);
                _writer.WriteU32BigEndian(NftMessages.NFTA_SET_FIELD_LEN, (uint)length);
                _writer.EndNested(field);
            }

            _writer.EndNested(parts);
        }

        _writer.EndNested(description);
    }
}
