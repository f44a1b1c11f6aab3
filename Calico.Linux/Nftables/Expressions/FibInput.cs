namespace Calico.Linux.Nftables;

/// <summary>What a route lookup is asked with (uapi nf_tables.h, enum nft_fib_flags).</summary>
[Flags]
public enum FibInput : uint
{
    None = 0,
    Source = 1,
    Destination = 2,
    Mark = 4,

    /// <summary>The route must lead back through the link that the packet came from.</summary>
    IncomingLink = 8,
    OutgoingLink = 16,

    /// <summary>Only whether there is one: 1 byte, 0 or 1.</summary>
    Presence = 32,
}
