using System.Collections.Immutable;

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

    /// <summary>Kind of object that a map of objects yields.</summary>
    public uint ObjectType { get; init; }

    /// <summary>Most elements; 0 is no limit.</summary>
    public uint Size { get; init; }

    /// <summary>Of a key whose parts are ranges each.</summary>
    public ImmutableArray<int> FieldLengths { get; init; } = [];

    /// <summary>What it has that no set of this library's has, in words: timeout, policy, expressions; empty: nothing.</summary>
    public string Unusual { get; init; } = "";

    internal ImmutableArray<byte> UserData { get; init; } = [];

    public bool IsVerdictMap => (Flags & NftSetFlags.Map) != 0 && DataType == NftMessages.NFT_DATA_VERDICT;

    /// <summary>Whether it is what <paramref name="set"/> asks for, in everything that was sent when it was made.</summary>
    public bool Matches(NftSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        return Name == set.Name && Flags == set.Flags && KeyLength == set.KeyLength && KeyType == set.KeyType
               && DataType == set.DataType && (set.IsVerdictMap || DataLength == (set.Data?.Length ?? 0)) && ObjectType == set.ObjectType
               && Size == set.Size && FieldLengths.SequenceEqual(set.FieldLengths) && UserData.SequenceEqual(set.UserData)
               && Unusual.Length == 0;
    }
}
