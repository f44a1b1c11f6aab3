namespace Calico.Linux.Nftables;

/// <summary>Where an offset counts from (uapi nf_tables.h, enum nft_payload_bases).</summary>
public enum PayloadBase : uint
{
    LinkHeader = 0,
    NetworkHeader = 1,

    /// <summary>Only for a packet that has one: not for a later fragment.</summary>
    TransportHeader = 2,
}
