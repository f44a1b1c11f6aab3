using System.Collections.Immutable;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Reads listings and events into records. Dumps hold other tables' objects too; those are left out.</summary>
internal static class NftReader
{
    public static uint ReadGeneration(in NetlinkMessage message)
    {
        uint generation = 0;
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            if (a.Type == NftMessages.NFTA_GEN_ID)
            {
                generation = a.U32BigEndian;
            }
        }

        return generation;
    }

    /// <summary>A table, with what it has that none of ours has.</summary>
    public static void ReadTable(in NetlinkMessage message, ImmutableArray<(NftTable Table, string Unusual, uint? Owner)>.Builder found)
    {
        string name = "", unusual = "";
        uint? owner = null;
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_TABLE_NAME: name = a.Text; break;
                case NftMessages.NFTA_TABLE_FLAGS: unusual += NftUnusual.OfTableFlags(a.U32BigEndian); break;
                case NftMessages.NFTA_TABLE_OWNER:
                    owner = a.U32BigEndian;
                    unusual += $" owner {owner}";
                    break;
                case NftMessages.NFTA_TABLE_USERDATA: unusual += NftUnusual.Of("comment", a); break;
            }
        }

        found.Add((new NftTable((NftFamily)message.ReadStruct<NetfilterHeader>().Family, name), unusual.TrimStart(), owner));
    }

    public static void ReadChain(in NetlinkMessage message, NftTable table, ImmutableArray<NftChain>.Builder found)
    {
        var ours = false;
        string name = "", type = "", unusual = "";
        ulong handle = 0;
        uint uses = 0;
        NftHook? hook = null;
        var priority = 0;
        var policyDrop = false;
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_CHAIN_TABLE: ours = a.TextIs(table.Name); break;
                case NftMessages.NFTA_CHAIN_NAME: name = a.Text; break;
                case NftMessages.NFTA_CHAIN_HANDLE: handle = a.U64BigEndian; break;
                case NftMessages.NFTA_CHAIN_USE: uses = a.U32BigEndian; break;
                case NftMessages.NFTA_CHAIN_TYPE: type = a.Text; break;
                case NftMessages.NFTA_CHAIN_POLICY: policyDrop = a.U32BigEndian == 0; break;
                case NftMessages.NFTA_CHAIN_HOOK: (hook, priority) = ReadHook(a.Nested, ref unusual); break;
                case NftMessages.NFTA_CHAIN_FLAGS: unusual += NftUnusual.OfFlags(a.U32BigEndian & ~NftMessages.NFT_CHAIN_BASE); break;
                case NftMessages.NFTA_CHAIN_COUNTERS: unusual += " counters"; break;
                case NftMessages.NFTA_CHAIN_USERDATA: unusual += NftUnusual.Of("comment", a); break;
            }
        }

        if (!ours || !IsOf(message, table))
        {
            return;
        }

        found.Add(new NftChain
        {
            Name = name, Handle = handle, Uses = uses, Hook = hook, Priority = priority, Type = type, PolicyDrop = policyDrop,
            Unusual = unusual.TrimStart(),
        });
    }

    public static void ReadRule(in NetlinkMessage message, NftTable table, ImmutableArray<NftRuleState>.Builder found)
    {
        var ours = false;
        var chain = "";
        ulong handle = 0;
        string? comment = null;
        ImmutableArray<byte> expressions = [];
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_RULE_TABLE: ours = a.TextIs(table.Name); break;
                case NftMessages.NFTA_RULE_CHAIN:
                    // Rules of a chain come together: they share its name.
                    chain = found.Count > 0 && a.TextIs(found[^1].Chain) ? found[^1].Chain : a.Text;
                    break;
                case NftMessages.NFTA_RULE_HANDLE: handle = a.U64BigEndian; break;
                case NftMessages.NFTA_RULE_USERDATA: comment = NftRule.ReadComment(a.Content); break;
                case NftMessages.NFTA_RULE_EXPRESSIONS: expressions = [.. a.Content]; break;
            }
        }

        if (!ours || !IsOf(message, table))
        {
            return;
        }

        found.Add(new NftRuleState
        {
            Chain = chain, Handle = handle, Comment = comment, ExpressionList = expressions,
        });
    }

    public static void ReadSet(in NetlinkMessage message, NftTable table, ImmutableArray<NftSetState>.Builder found)
    {
        var ours = false;
        string name = "", unusual = "";
        ulong handle = 0;
        uint flags = 0, keyType = 0, keyLength = 0, dataType = 0, dataLength = 0, objectType = 0, size = 0;
        ImmutableArray<int> fields = [];
        ImmutableArray<byte> userData = [];
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_SET_TABLE: ours = a.TextIs(table.Name); break;
                case NftMessages.NFTA_SET_NAME: name = a.Text; break;
                case NftMessages.NFTA_SET_HANDLE: handle = a.U64BigEndian; break;
                case NftMessages.NFTA_SET_FLAGS: flags = a.U32BigEndian; break;
                case NftMessages.NFTA_SET_KEY_TYPE: keyType = a.U32BigEndian; break;
                case NftMessages.NFTA_SET_KEY_LEN: keyLength = a.U32BigEndian; break;
                case NftMessages.NFTA_SET_DATA_TYPE: dataType = a.U32BigEndian; break;
                case NftMessages.NFTA_SET_DATA_LEN: dataLength = a.U32BigEndian; break;
                case NftMessages.NFTA_SET_OBJ_TYPE: objectType = a.U32BigEndian; break;
                case NftMessages.NFTA_SET_DESC: (size, fields) = ReadDescription(a.Nested); break;
                case NftMessages.NFTA_SET_USERDATA: userData = [.. a.Content]; break;
                case NftMessages.NFTA_SET_POLICY: unusual += NftUnusual.Of("policy", a); break;
                case NftMessages.NFTA_SET_TIMEOUT: unusual += NftUnusual.Of("timeout", a); break;
                case NftMessages.NFTA_SET_GC_INTERVAL: unusual += NftUnusual.Of("gc-interval", a); break;
                case NftMessages.NFTA_SET_EXPR or NftMessages.NFTA_SET_EXPRESSIONS: unusual += " expressions"; break;
            }
        }

        if (!ours || !IsOf(message, table))
        {
            return;
        }

        found.Add(new NftSetState
        {
            Name = name, Handle = handle, Flags = (NftSetFlags)flags, KeyType = keyType, KeyLength = (int)keyLength,
            DataType = dataType, DataLength = (int)dataLength, ObjectType = objectType, Size = size, FieldLengths = fields,
            UserData = userData, Unusual = unusual.TrimStart(),
        });
    }

    public static void ReadElements(in NetlinkMessage message, ImmutableArray<NftElement>.Builder found)
    {
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            if (a.Type != NftMessages.NFTA_SET_ELEM_LIST_ELEMENTS)
            {
                continue;
            }

            var elements = a.Nested;
            while (elements.TryRead(out var element))
            {
                found.Add(NftElement.Read(element.Nested));
            }
        }
    }

    public static void ReadCounter(in NetlinkMessage message, NftTable table, ImmutableArray<NftCounterState>.Builder found)
    {
        var ours = false;
        var name = "";
        ulong handle = 0, packets = 0, bytes = 0;
        uint type = 0, uses = 0;
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_OBJ_TABLE: ours = a.TextIs(table.Name); break;
                case NftMessages.NFTA_OBJ_NAME: name = a.Text; break;
                case NftMessages.NFTA_OBJ_TYPE: type = a.U32BigEndian; break;
                case NftMessages.NFTA_OBJ_USE: uses = a.U32BigEndian; break;
                case NftMessages.NFTA_OBJ_HANDLE: handle = a.U64BigEndian; break;
                case NftMessages.NFTA_OBJ_DATA: (packets, bytes) = ReadCount(a.Nested); break;
            }
        }

        if (ours && IsOf(message, table) && type == NftMessages.NFT_OBJECT_COUNTER)
        {
            found.Add(new NftCounterState(name, packets, bytes, handle, uses));
        }
    }

    private static bool IsOf(in NetlinkMessage message, NftTable table) =>
        message.ReadStruct<NetfilterHeader>().Family == (byte)table.Family;

    /// <summary>Objects that are no counters of the kind that this library makes, as words for people.</summary>
    public static void ReadStrangeObject(in NetlinkMessage message, NftTable table, ImmutableArray<string>.Builder found)
    {
        bool ours = false, hasUserData = false;
        var name = "";
        uint type = 0;
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_OBJ_TABLE: ours = a.TextIs(table.Name); break;
                case NftMessages.NFTA_OBJ_NAME: name = a.Text; break;
                case NftMessages.NFTA_OBJ_TYPE: type = a.U32BigEndian; break;
                case NftMessages.NFTA_OBJ_USERDATA: hasUserData = true; break;
            }
        }

        if (ours && IsOf(message, table) && (hasUserData || type != NftMessages.NFT_OBJECT_COUNTER))
        {
            found.Add(hasUserData ? $"comment of object {name}" : $"object {name} of type {type}");
        }
    }

    public static void ReadFlowtable(in NetlinkMessage message, NftTable table, ImmutableArray<string>.Builder found)
    {
        var ours = false;
        var name = "";
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_FLOWTABLE_TABLE: ours = a.TextIs(table.Name); break;
                case NftMessages.NFTA_FLOWTABLE_NAME: name = a.Text; break;
            }
        }

        if (ours && IsOf(message, table))
        {
            found.Add($"flowtable {name}");
        }
    }

    private static (uint Size, ImmutableArray<int> FieldLengths) ReadDescription(AttributeReader attributes)
    {
        uint size = 0;
        var fields = ImmutableArray.CreateBuilder<int>();
        while (attributes.TryRead(out var a))
        {
            if (a.Type == NftMessages.NFTA_SET_DESC_SIZE)
            {
                size = a.U32BigEndian;
            }

            if (a.Type != NftMessages.NFTA_SET_DESC_CONCAT)
            {
                continue;
            }

            var list = a.Nested;
            while (list.TryRead(out var field))
            {
                var content = field.Nested;
                while (content.TryRead(out var length))
                {
                    if (length.Type == NftMessages.NFTA_SET_FIELD_LEN)
                    {
                        fields.Add((int)length.U32BigEndian);
                    }
                }
            }
        }

        return (size, fields.DrainToImmutable());
    }

    private static (NftHook Hook, int Priority) ReadHook(AttributeReader attributes, ref string unusual)
    {
        uint hook = 0;
        var priority = 0;
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_HOOK_HOOKNUM: hook = a.U32BigEndian; break;
                case NftMessages.NFTA_HOOK_PRIORITY: priority = (int)a.U32BigEndian; break;
                case NftMessages.NFTA_HOOK_DEV or NftMessages.NFTA_HOOK_DEVS: unusual += " device"; break;
            }
        }

        return ((NftHook)hook, priority);
    }

    private static (ulong Packets, ulong Bytes) ReadCount(AttributeReader attributes)
    {
        ulong packets = 0, bytes = 0;
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_COUNTER_PACKETS: packets = a.U64BigEndian; break;
                case NftMessages.NFTA_COUNTER_BYTES: bytes = a.U64BigEndian; break;
            }
        }

        return (packets, bytes);
    }
}
