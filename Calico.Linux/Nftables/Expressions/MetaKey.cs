namespace Calico.Linux.Nftables;

/// <summary>Facts about a packet (uapi nf_tables.h, enum nft_meta_keys).</summary>
public enum MetaKey : uint
{
    Length = 0,

    /// <summary>EtherType, 2 bytes big-endian.</summary>
    Protocol = 1,
    Priority = 2,

    /// <summary>4 bytes native; can be set.</summary>
    Mark = 3,

    /// <summary>Index, 4 bytes native.</summary>
    IncomingIndex = 4,
    OutgoingIndex = 5,

    /// <summary>16 bytes, zero-padded.</summary>
    IncomingName = 6,
    OutgoingName = 7,
    IncomingType = 8,
    OutgoingType = 9,

    /// <summary>1 byte; can be set to 1 to trace the packet.</summary>
    Trace = 12,

    /// <summary>NFPROTO_*, 1 byte.</summary>
    NetworkFamily = 15,

    /// <summary>IPPROTO_*, 1 byte.</summary>
    TransportProtocol = 16,

    /// <summary>PACKET_*, 1 byte.</summary>
    PacketType = 19,
    IncomingGroup = 21,
    OutgoingGroup = 22,
    Random = 24,
}
