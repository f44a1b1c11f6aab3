namespace Calico.Linux.Route;

/// <summary>What a route does with a packet (uapi linux/rtnetlink.h, RTN_*).</summary>
public enum RouteKind : byte
{
    Unspecified = 0,

    /// <summary>To a link or gateway.</summary>
    Unicast = 1,

    /// <summary>To this machine.</summary>
    Local = 2,
    Broadcast = 3,
    Anycast = 4,
    Multicast = 5,

    /// <summary>Dropped silently.</summary>
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,

    /// <summary>Go on with the next rule's table.</summary>
    Throw = 9,
}
