namespace Calico.Datastore.Resources.Json;

/// <summary>What a piece of JSON was read as, for pieces that come again and again (labels of a deployment, names of nodes): read once, and
/// held once by all who got it.</summary>
/// <remarks>A piece whose place another one takes is read anew when it comes again. Safe from any thread: an entry never changes.</remarks>
/// <param name="places">How many are remembered; a power of two.</param>
internal sealed class ReadBefore<T>(int places) where T : class
{
    private readonly Entry?[] _entries = new Entry?[places];

    /// <summary>What these bytes were read as; null: they are not remembered.</summary>
    public T? Find(ReadOnlySpan<byte> piece) =>
        Volatile.Read(ref _entries[PlaceOf(piece)]) is { } entry && piece.SequenceEqual(entry.Piece) ? entry.Value : null;

    /// <returns>The value.</returns>
    public T Keep(ReadOnlySpan<byte> piece, T value)
    {
        Volatile.Write(ref _entries[PlaceOf(piece)], new(piece.ToArray(), value));
        return value;
    }

    private int PlaceOf(ReadOnlySpan<byte> piece)
    {
        var hash = default(HashCode);
        hash.AddBytes(piece);
        return hash.ToHashCode() & (_entries.Length - 1);
    }

    private sealed record Entry(byte[] Piece, T Value);
}
