namespace Calico.Linux.Route;

/// <summary>State of a neighbour entry (uapi linux/neighbour.h, NUD_*).</summary>
[Flags]
public enum NeighbourStates : ushort
{
    None = 0,
    Incomplete = 0x01,
    Reachable = 0x02,
    Stale = 0x04,
    Delay = 0x08,
    Probe = 0x10,
    Failed = 0x20,
    NoArp = 0x40,

    /// <summary>Set by a program; never asked for on the link, never expires.</summary>
    Permanent = 0x80,
}
