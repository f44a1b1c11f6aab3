namespace Calico.Linux.Nftables;

/// <summary>One change of a batch, for messages and for the caller who must know which object it was.</summary>
/// <param name="Verb">add, delete, flush...</param>
/// <param name="Kind">Kind of object.</param>
/// <param name="Table">Its table.</param>
/// <param name="Name">Its name: of the chain for rules, of the set for elements.</param>
/// <param name="Detail">Comment, handle or first key; empty if there is none.</param>
public readonly record struct NftRequest(string Verb, NftObjectKind Kind, NftTable Table, string Name, string Detail)
{
    public override string ToString() => Kind switch
    {
        NftObjectKind.Transaction => $"{Verb} nftables transaction",
        NftObjectKind.Table => $"{Verb} table {Table}",
        NftObjectKind.Rule => $"{Verb} rule of chain {Name} in table {Table}{Suffix}",
        NftObjectKind.Elements => $"{Verb} elements of set {Name} in table {Table}{Suffix}",
        _ => $"{Verb} {Kind.ToString().ToLowerInvariant()} {Name} in table {Table}{Suffix}",
    };

    private string Suffix => Detail.Length == 0 ? "" : $" ({Detail})";
}
