namespace Calico.Ipam;

/// <summary>What an address is for; a pool may allow only some uses.</summary>
public enum IntendedUse
{
    /// <summary>Not said: refused where a use is needed.</summary>
    Unspecified,

    /// <summary>A workload's interface.</summary>
    Workload,

    /// <summary>A node's own tunnel device.</summary>
    Tunnel,

    /// <summary>A service of type LoadBalancer.</summary>
    LoadBalancer,
}
