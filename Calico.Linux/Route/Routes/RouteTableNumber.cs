namespace Calico.Linux.Route;

/// <summary>Well-known routing tables (uapi linux/rtnetlink.h, RT_TABLE_*).</summary>
public static class RouteTableNumber
{
    public const uint Default = 253;
    public const uint Main = 254;
    public const uint Local = 255;
}
