namespace Calico.Linux.Nftables;

/// <summary>Bits of <see cref="ConntrackKey.Status"/> (uapi nf_conntrack_common.h, IPS_*).</summary>
[Flags]
public enum ConntrackStatuses : uint
{
    None = 0,
    Expected = 0x1,
    SeenReply = 0x2,
    Assured = 0x4,
    Confirmed = 0x8,
    SourceNat = 0x10,
    DestinationNat = 0x20,
    Dying = 0x200,
}
