namespace Calico.Linux.Nftables;

/// <summary>Names a table.</summary>
public readonly record struct NftTable(NftFamily Family, string Name)
{
    /// <summary>As nft writes it, so that a command that is advised can be given: <c>ip filter</c>.</summary>
    public override string ToString() => Family switch
    {
        NftFamily.IPv4 => $"ip {Name}",
        NftFamily.IPv6 => $"ip6 {Name}",
        _ => $"{Family.ToString().ToLowerInvariant()} {Name}",
    };
}
