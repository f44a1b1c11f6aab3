namespace Calico.Linux.Nftables;

/// <summary>Facts about a packet's connection (uapi nf_tables.h, enum nft_ct_keys).</summary>
public enum ConntrackKey : uint
{
    /// <summary>One bit of <see cref="ConntrackStates"/>, 4 bytes native. The only key that does not break on untracked packets.</summary>
    State = 0,
    Direction = 1,

    /// <summary>IPS_* bits, 4 bytes native.</summary>
    Status = 2,

    /// <summary>4 bytes native; can be set.</summary>
    Mark = 3,
}
