using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Calico.Host.Node;

/// <summary>A key of the store as it stood last; without a value it is gone.</summary>
internal readonly record struct SnapshotEntry(string Key, ReadOnlyMemory<byte>? Value);

/// <summary>A portion of the snapshot's file: what the store told at once, compressed, with a check value.</summary>
/// <param name="Revision">Of the store.</param>
/// <param name="EndsList">The list that the file begins with is whole with it.</param>
/// <param name="Entries">In the order in which they were told.</param>
/// <remarks>
/// <code>
///   compressed length (4) · length (4) · check (8) · flags (4) | compressed: revision (8) { key length (4) · key · value length (4), -1
/// gone · value }*
/// </code>
/// Numbers are little-endian. The check is the beginning of the SHA-256 of all but itself.
/// </remarks>
internal sealed record SnapshotFrame(long Revision, bool EndsList, ImmutableArray<SnapshotEntry> Entries)
{
    /// <summary>Length of what stands before the compressed part.</summary>
    public const int HeaderLength = 20;

    private const int CheckAt = 8;
    private const int FlagsAt = 16;
    private const int Window = 22;
    private const int MostBytes = 256 << 20;

    /// <summary>The frame as it stands in the file.</summary>
    public byte[] Encode()
    {
        // Borrowed: a portion is larger than what the collector moves, and there are as many as the list has.
        var length = sizeof(long) + Entries.Sum(e => (2 * sizeof(int)) + Encoding.UTF8.GetByteCount(e.Key) + (e.Value?.Length ?? 0));
        var most = BrotliEncoder.GetMaxCompressedLength(length);
        var plain = ArrayPool<byte>.Shared.Rent(length);
        var packed = ArrayPool<byte>.Shared.Rent(most);
        try
        {
            Write(plain);
            return BrotliEncoder.TryCompress(plain.AsSpan(0, length), packed, out var written, quality: 1, Window)
                ? Frame(packed.AsSpan(0, written), length)
                : throw new InvalidOperationException($"{length} bytes were not compressed into {most}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    private void Write(byte[] plain)
    {
        BinaryPrimitives.WriteInt64LittleEndian(plain, Revision);
        var at = sizeof(long);
        foreach (var (key, value) in Entries)
        {
            var length = Encoding.UTF8.GetBytes(key, plain.AsSpan(at + sizeof(int)));
            BinaryPrimitives.WriteInt32LittleEndian(plain.AsSpan(at), length);
            at += sizeof(int) + length;
            BinaryPrimitives.WriteInt32LittleEndian(plain.AsSpan(at), value?.Length ?? -1);
            at += sizeof(int);
            if (value is { } bytes)
            {
                bytes.Span.CopyTo(plain.AsSpan(at));
                at += bytes.Length;
            }
        }
    }

    private byte[] Frame(ReadOnlySpan<byte> packed, int length)
    {
        var frame = new byte[HeaderLength + packed.Length];
        packed.CopyTo(frame.AsSpan(HeaderLength));
        BinaryPrimitives.WriteInt32LittleEndian(frame, packed.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(4), length);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(FlagsAt), EndsList ? 1 : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(CheckAt), Check(frame));
        return frame;
    }

    /// <summary>How long the frame is that begins so; null: no frame begins so.</summary>
    public static int? LengthOf(ReadOnlySpan<byte> header) =>
        BinaryPrimitives.ReadInt32LittleEndian(header) is >= 0 and <= MostBytes and var compressed
        && BinaryPrimitives.ReadInt32LittleEndian(header[4..]) is >= sizeof(long) and <= MostBytes
            ? HeaderLength + compressed
            : null;

    /// <summary>Whether a frame is as it was written.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt64LittleEndian(frame[CheckAt..]) == Check(frame);

    /// <summary>Whether the list ends with a frame.</summary>
    public static bool IsEnd(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32LittleEndian(frame[FlagsAt..]) == 1;

    /// <summary>Reads a frame that <see cref="IsWhole"/>.</summary>
    public static SnapshotFrame Decode(ReadOnlySpan<byte> frame)
    {
        var plain = new byte[BinaryPrimitives.ReadInt32LittleEndian(frame[4..])];
        if (!BrotliDecoder.TryDecompress(frame[HeaderLength..], plain, out var written) || written != plain.Length)
        {
            throw new CalicoException(Problem.Damaged, "a portion of the policy snapshot cannot be unpacked");
        }

        var entries = ImmutableArray.CreateBuilder<SnapshotEntry>();
        for (var at = sizeof(long); at < plain.Length;)
        {
            var key = Take(plain, ref at);
            var value = Take(plain, ref at);
            entries.Add(new(Encoding.UTF8.GetString(key!.Value.Span), value));
        }

        return new(BinaryPrimitives.ReadInt64LittleEndian(plain), IsEnd(frame), entries.ToImmutable());
    }

    private static ReadOnlyMemory<byte>? Take(byte[] plain, ref int at)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(plain.AsSpan(at));
        at += sizeof(int);
        if (length < 0)
        {
            return null;
        }

        at += length;
        return plain.AsMemory(at - length, length);
    }

    private static ulong Check(ReadOnlySpan<byte> frame)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        all.AppendData(frame[..CheckAt]);
        all.AppendData(frame[FlagsAt..]);
        all.GetHashAndReset(hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
