using System.Collections.Immutable;

namespace Calico.Linux.Nftables;

/// <summary>A set or map to be made. <see cref="Of"/>, <see cref="VerdictMap"/>, <see cref="Map"/> and <see cref="CounterMap"/> make one.
/// </summary>
public sealed record NftSet
{
    // libnftnl udata.h: what nft keeps in a set's user data to print it.
    private const byte KeyByteOrderKind = 0;
    private const byte DataByteOrderKind = 1;

    /// <summary>nft numbers a key of several parts by theirs, six bits each.</summary>
    private const int TypeBits = 6;

    private NftSet(string name, ImmutableArray<NftDataType> key)
    {
        if (key.IsDefaultOrEmpty)
        {
            throw new ArgumentException($"set {name} has no key", nameof(key));
        }

        Name = name;
        Key = key;
    }

    public string Name { get; }

    /// <summary>Parts of the key, in register order.</summary>
    public ImmutableArray<NftDataType> Key { get; }

    /// <summary>Elements are ranges: of the whole key, or of each part where there are several (then the slower pipapo).</summary>
    public bool Interval { get; init; }

    /// <summary>Most elements; 0 is no limit.</summary>
    public uint Size { get; init; }

    /// <summary>Type of a data map's values.</summary>
    public NftDataType? Data { get; private init; }

    public bool IsVerdictMap { get; private init; }

    public bool IsCounterMap { get; private init; }

    /// <summary>Bytes of a key: each part padded to whole words if there are several.</summary>
    public int KeyLength
    {
        get
        {
            if (Key.Length == 1)
            {
                return Key[0].Length;
            }

            var length = 0;
            foreach (var part in Key)
            {
                length += NftValue.Padded(part.Length);
            }

            return length;
        }
    }

    public NftSetFlags Flags =>
        (Interval ? NftSetFlags.Interval : 0)
        | (Interval && Key.Length > 1 ? NftSetFlags.Concat : 0)
        | (IsVerdictMap || Data is not null ? NftSetFlags.Map : 0)
        | (IsCounterMap ? NftSetFlags.ObjectMap : 0);

    /// <summary>nft's number of the key's type: those of the parts, six bits each.</summary>
    internal uint KeyType
    {
        get
        {
            uint type = 0;
            foreach (var part in Key)
            {
                type = (type << TypeBits) | part.Id;
            }

            return type;
        }
    }

    internal uint DataType => IsVerdictMap ? NftMessages.NFT_DATA_VERDICT : Data?.Id ?? 0;

    internal uint ObjectType => IsCounterMap ? NftMessages.NFT_OBJECT_COUNTER : 0;

    /// <summary>Told to the kernel only where each part is a range of its own.</summary>
    internal ImmutableArray<int> FieldLengths => (Flags & NftSetFlags.Concat) == 0 ? [] : [.. Key.Select(part => part.Length)];

    /// <summary>What nft prints by: without it <c>nft list</c> prints names as empty and numbers reversed.</summary>
    internal ImmutableArray<byte> UserData => Data is { } data
        ? [KeyByteOrderKind, sizeof(uint), .. Native(KeyOrder), DataByteOrderKind, sizeof(uint), .. Native(data.Order)]
        : [KeyByteOrderKind, sizeof(uint), .. Native(KeyOrder)];

    internal NftByteOrder KeyOrder => Key.Length == 1 ? Key[0].Order : NftByteOrder.Unknown;

    /// <summary>A set.</summary>
    public static NftSet Of(string name, params ReadOnlySpan<NftDataType> key) => new(name, [.. key]);

    /// <summary>A map from keys to verdicts. Adding to one makes the kernel check the whole table for loops.</summary>
    public static NftSet VerdictMap(string name, params ReadOnlySpan<NftDataType> key) => new(name, [.. key]) { IsVerdictMap = true };

    /// <summary>A map from keys to values.</summary>
    public static NftSet Map(string name, NftDataType data, params ReadOnlySpan<NftDataType> key) => new(name, [.. key]) { Data = data };

    /// <summary>A map from keys to named counters.</summary>
    public static NftSet CounterMap(string name, params ReadOnlySpan<NftDataType> key) => new(name, [.. key]) { IsCounterMap = true };

    private static byte[] Native(NftByteOrder order) => BitConverter.GetBytes((uint)order);
}
