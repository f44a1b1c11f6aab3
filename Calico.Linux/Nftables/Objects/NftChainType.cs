namespace Calico.Linux.Nftables;

/// <summary>Types of base chains.</summary>
public enum NftChainType
{
    Filter,
    Nat,

    /// <summary>Re-routes locally made packets whose mark or addresses changed.</summary>
    Route,
}
