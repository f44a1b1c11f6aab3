namespace Calico.Linux.Nftables;

/// <summary>Bits of <see cref="ConntrackKey.State"/> (NF_CT_STATE_BIT of uapi nf_conntrack_common.h).</summary>
[Flags]
public enum ConntrackStates : uint
{
    None = 0,
    Invalid = 1,
    Established = 2,
    Related = 4,
    New = 8,
    Untracked = 64,
}
