namespace Calico.Linux.Nftables;

/// <summary>uapi nf_tables.h, enum nft_cmp_ops. Order is that of the bytes, so numbers must be big-endian.</summary>
public enum ComparisonOperator : uint
{
    Equal = 0,
    NotEqual = 1,
    Less = 2,
    LessOrEqual = 3,
    Greater = 4,
    GreaterOrEqual = 5,
}
