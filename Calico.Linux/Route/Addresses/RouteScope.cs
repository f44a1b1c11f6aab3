namespace Calico.Linux.Route;

/// <summary>How far a route or address reaches (uapi linux/rtnetlink.h, RT_SCOPE_*).</summary>
public enum RouteScope : byte
{
    Universe = 0,
    Site = 200,

    /// <summary>Directly on the link.</summary>
    Link = 253,

    /// <summary>This machine.</summary>
    Host = 254,
    Nowhere = 255,
}
