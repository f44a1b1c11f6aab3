namespace Calico.Linux.Route;

/// <summary>How a link gets its IPv6 link-local address (uapi linux/if_link.h, IN6_ADDR_GEN_MODE_*).</summary>
public enum AddressGenerationMode : byte
{
    Eui64 = 0,

    /// <summary>None by itself. Set it before the link comes up.</summary>
    None = 1,
    StablePrivacy = 2,
    Random = 3,
}
