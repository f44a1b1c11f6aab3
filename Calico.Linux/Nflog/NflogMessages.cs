namespace Calico.Linux.Nflog;

/// <summary>Message types, attributes and values of nflog (uapi linux/netfilter/nfnetlink_log.h, nfnetlink.h).</summary>
internal static class NflogMessages
{
    public const byte NFNL_SUBSYS_ULOG = 4;
    public const ushort NFULNL_MSG_PACKET = 0;
    public const ushort NFULNL_MSG_CONFIG = 1;

    public const ushort NFULA_CFG_CMD = 1;
    public const ushort NFULA_CFG_MODE = 2;
    public const ushort NFULA_CFG_TIMEOUT = 4;
    public const ushort NFULA_CFG_QTHRESH = 5;
    public const byte NFULNL_CFG_CMD_BIND = 1;
    public const byte NFULNL_CFG_CMD_UNBIND = 2;
    public const byte NFULNL_COPY_PACKET = 2;

    public const ushort NFULA_PACKET_HDR = 1;
    public const ushort NFULA_MARK = 2;
    public const ushort NFULA_IFINDEX_INDEV = 4;
    public const ushort NFULA_IFINDEX_OUTDEV = 5;
    public const ushort NFULA_PAYLOAD = 9;
    public const ushort NFULA_PREFIX = 10;

    public static ushort Type(ushort message) => (ushort)((NFNL_SUBSYS_ULOG << 8) | message);
}
