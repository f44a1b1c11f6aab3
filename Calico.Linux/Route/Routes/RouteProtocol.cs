namespace Calico.Linux.Route;

/// <summary>Who made a route (uapi linux/rtnetlink.h, RTPROT_*); any number from 5 up may be a program's own.</summary>
public readonly record struct RouteProtocol(byte Number)
{
    /// <summary>In a filter: any.</summary>
    public static RouteProtocol Unspecified => default;

    /// <summary>Made by the kernel with an address.</summary>
    public static RouteProtocol Kernel => new(2);

    public static RouteProtocol Boot => new(3);

    /// <summary>By an administrator.</summary>
    public static RouteProtocol Static => new(4);

    public static RouteProtocol Bird => new(12);
}
