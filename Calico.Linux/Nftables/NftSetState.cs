namespace Calico.Linux.Nftables;

/// <summary>A set or map as the kernel lists it.</summary>
public sealed record NftSetState
{
    public required string Name { get; init; }

    public ulong Handle { get; init; }

    public NftSetFlags Flags { get; init; }

    /// <summary>nft's number of the key's type.</summary>
    public uint KeyType { get; init; }

    public int KeyLength { get; init; }

    public uint DataType { get; init; }

    public int DataLength { get; init; }

    public bool IsVerdictMap => (Flags & NftSetFlags.Map) != 0 && DataType == NftMessages.NFT_DATA_VERDICT;

    /// <summary>Whether it is what <paramref name="set"/> asks for; the size limit is not compared.</summary>
    public bool Matches(NftSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        return Name == set.Name && Flags == set.Flags && KeyLength == set.KeyLength && KeyType == set.KeyType
               && IsVerdictMap == set.IsVerdictMap && (set.Data is not { } data || (DataLength == data.Length && DataType == data.Id));
    }
}
