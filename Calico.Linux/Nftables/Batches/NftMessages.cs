using System.Runtime.InteropServices;

namespace Calico.Linux.Nftables;

/// <summary>struct nfgenmsg (uapi linux/netfilter/nfnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NetfilterHeader
{
    public byte Family;
    public byte Version;

    /// <summary>Big-endian: the subsystem in a batch's begin and end.</summary>
    public ushort Resource;
}

/// <summary>Message types and attributes of nf_tables (uapi linux/netfilter/nf_tables.h, nfnetlink.h).</summary>
internal static class NftMessages
{
    public const ushort NFNL_MSG_BATCH_BEGIN = 16;
    public const ushort NFNL_MSG_BATCH_END = 17;
    public const ushort NFNL_BATCH_GENID = 1;
    public const byte NFNL_SUBSYS_NFTABLES = 10;

    public const ushort NFT_MSG_NEWTABLE = 0;
    public const ushort NFT_MSG_GETTABLE = 1;
    public const ushort NFT_MSG_DELTABLE = 2;
    public const ushort NFT_MSG_NEWCHAIN = 3;
    public const ushort NFT_MSG_GETCHAIN = 4;
    public const ushort NFT_MSG_DELCHAIN = 5;
    public const ushort NFT_MSG_NEWRULE = 6;
    public const ushort NFT_MSG_GETRULE = 7;
    public const ushort NFT_MSG_DELRULE = 8;
    public const ushort NFT_MSG_NEWSET = 9;
    public const ushort NFT_MSG_GETSET = 10;
    public const ushort NFT_MSG_DELSET = 11;
    public const ushort NFT_MSG_NEWSETELEM = 12;
    public const ushort NFT_MSG_GETSETELEM = 13;
    public const ushort NFT_MSG_DELSETELEM = 14;
    public const ushort NFT_MSG_NEWGEN = 15;
    public const ushort NFT_MSG_GETGEN = 16;
    public const ushort NFT_MSG_NEWOBJ = 18;
    public const ushort NFT_MSG_GETOBJ = 19;
    public const ushort NFT_MSG_DELOBJ = 20;
    public const ushort NFT_MSG_GETOBJ_RESET = 21;
    public const ushort NFT_MSG_GETFLOWTABLE = 23;

    public const ushort NFTA_LIST_ELEM = 1;

    public const ushort NFTA_TABLE_NAME = 1;
    public const ushort NFTA_TABLE_FLAGS = 2;
    public const ushort NFTA_TABLE_USERDATA = 6;
    public const ushort NFTA_TABLE_OWNER = 7;

    public const ushort NFTA_CHAIN_TABLE = 1;
    public const ushort NFTA_CHAIN_HANDLE = 2;
    public const ushort NFTA_CHAIN_NAME = 3;
    public const ushort NFTA_CHAIN_HOOK = 4;
    public const ushort NFTA_CHAIN_POLICY = 5;
    public const ushort NFTA_CHAIN_USE = 6;
    public const ushort NFTA_CHAIN_TYPE = 7;
    public const ushort NFTA_CHAIN_COUNTERS = 8;
    public const ushort NFTA_CHAIN_FLAGS = 10;
    public const ushort NFTA_CHAIN_USERDATA = 12;
    public const uint NFT_CHAIN_BASE = 1;
    public const ushort NFTA_HOOK_HOOKNUM = 1;
    public const ushort NFTA_HOOK_PRIORITY = 2;
    public const ushort NFTA_HOOK_DEV = 3;
    public const ushort NFTA_HOOK_DEVS = 4;

    public const ushort NFTA_RULE_TABLE = 1;
    public const ushort NFTA_RULE_CHAIN = 2;
    public const ushort NFTA_RULE_HANDLE = 3;
    public const ushort NFTA_RULE_EXPRESSIONS = 4;
    public const ushort NFTA_RULE_POSITION = 6;
    public const ushort NFTA_RULE_USERDATA = 7;

    public const ushort NFTA_SET_TABLE = 1;
    public const ushort NFTA_SET_NAME = 2;
    public const ushort NFTA_SET_FLAGS = 3;
    public const ushort NFTA_SET_KEY_TYPE = 4;
    public const ushort NFTA_SET_KEY_LEN = 5;
    public const ushort NFTA_SET_DATA_TYPE = 6;
    public const ushort NFTA_SET_DATA_LEN = 7;
    public const ushort NFTA_SET_POLICY = 8;
    public const ushort NFTA_SET_DESC = 9;
    public const ushort NFTA_SET_ID = 10;
    public const ushort NFTA_SET_TIMEOUT = 11;
    public const ushort NFTA_SET_GC_INTERVAL = 12;
    public const ushort NFTA_SET_USERDATA = 13;
    public const ushort NFTA_SET_OBJ_TYPE = 15;
    public const ushort NFTA_SET_HANDLE = 16;
    public const ushort NFTA_SET_EXPR = 17;
    public const ushort NFTA_SET_EXPRESSIONS = 18;
    public const ushort NFTA_SET_DESC_SIZE = 1;
    public const ushort NFTA_SET_DESC_CONCAT = 2;
    public const ushort NFTA_SET_FIELD_LEN = 1;
    public const uint NFT_DATA_VERDICT = 0xffffff00;

    public const ushort NFTA_SET_ELEM_LIST_TABLE = 1;
    public const ushort NFTA_SET_ELEM_LIST_SET = 2;
    public const ushort NFTA_SET_ELEM_LIST_ELEMENTS = 3;

    public const ushort NFTA_SET_ELEM_KEY = 1;
    public const ushort NFTA_SET_ELEM_DATA = 2;
    public const ushort NFTA_SET_ELEM_FLAGS = 3;
    public const ushort NFTA_SET_ELEM_TIMEOUT = 4;
    public const ushort NFTA_SET_ELEM_EXPIRATION = 5;
    public const ushort NFTA_SET_ELEM_USERDATA = 6;
    public const ushort NFTA_SET_ELEM_EXPR = 7;
    public const ushort NFTA_SET_ELEM_OBJREF = 9;
    public const ushort NFTA_SET_ELEM_KEY_END = 10;
    public const ushort NFTA_SET_ELEM_EXPRESSIONS = 11;

    public const ushort NFTA_DATA_VALUE = 1;
    public const ushort NFTA_DATA_VERDICT = 2;
    public const ushort NFTA_VERDICT_CODE = 1;
    public const ushort NFTA_VERDICT_CHAIN = 2;

    public const ushort NFTA_EXPR_NAME = 1;
    public const ushort NFTA_EXPR_DATA = 2;

    public const ushort NFTA_OBJ_TABLE = 1;
    public const ushort NFTA_OBJ_NAME = 2;
    public const ushort NFTA_OBJ_TYPE = 3;
    public const ushort NFTA_OBJ_DATA = 4;
    public const ushort NFTA_OBJ_USE = 5;
    public const ushort NFTA_OBJ_HANDLE = 6;
    public const ushort NFTA_OBJ_USERDATA = 8;
    public const uint NFT_OBJECT_COUNTER = 1;
    public const ushort NFTA_COUNTER_BYTES = 1;
    public const ushort NFTA_COUNTER_PACKETS = 2;

    public const ushort NFTA_FLOWTABLE_TABLE = 1;
    public const ushort NFTA_FLOWTABLE_NAME = 2;

    public const ushort NFTA_GEN_ID = 1;
    public const ushort NFTA_GEN_PROC_PID = 2;
    public const ushort NFTA_GEN_PROC_NAME = 3;

    /// <summary>Subsystem and message as one type.</summary>
    public static ushort Type(ushort message) => (ushort)(NFNL_SUBSYS_NFTABLES << 8 | message);
}
