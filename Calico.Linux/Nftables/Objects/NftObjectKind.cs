namespace Calico.Linux.Nftables;

/// <summary>Kinds of things in a ruleset.</summary>
public enum NftObjectKind
{
    Transaction,
    Table,
    Chain,
    Rule,
    Set,
    Elements,
    Counter,
}
