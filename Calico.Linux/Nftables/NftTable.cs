namespace Calico.Linux.Nftables;

/// <summary>Names a table.</summary>
public readonly record struct NftTable(NftFamily Family, string Name)
{
    public override string ToString() => $"{Family.ToString().ToLowerInvariant()} {Name}";
}
