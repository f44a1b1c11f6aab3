namespace Calico.Felix.Output;

/// <summary>IP sets that exist whatever policy says; upstream's names.</summary>
public static class WellKnownSets
{
    /// <summary>Pools whose addresses are masqueraded when they leave the pools.</summary>
    public const string MasqueradePools = "masq-ipam-pools";

    /// <summary>All pools.</summary>
    public const string AllPools = "network-ip-pools";
}
