using System.Buffers.Binary;

namespace Calico.EmbeddedStore.Storage;

/// <summary>Looks whether SQLite's write-ahead log is damaged in its middle.</summary>
/// <remarks>
/// SQLite plays a log back up to the first frame whose checksum is wrong and forgets the rest without a word. That is right for what a
/// crash leaves, the torn end of a transaction that nobody was told of, and wrong for a byte that turned: then what follows was
/// acknowledged. The two differ: a transaction is synced before the next one is written (<c>synchronous=FULL</c>), so a good frame
/// behind a commit behind the bad frame can only be there when the bad one was good. A turned byte in the last transaction looks like
/// a torn end. Format: sqlite.org/fileformat2.html, section 4.
/// </remarks>
internal static class WriteAheadLog
{
    private const int HeaderBytes = 32;
    private const int FrameHeaderBytes = 24;

    // The lowest bit tells the byte order of the words that are summed.
    private const uint Magic = 0x377f0682;

    /// <summary>Where a log is damaged with more of it behind, or null: it is good, torn at its end, or not there.</summary>
    public static long? FindDamage(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var log = File.ReadAllBytes(path);
        if (log.Length < HeaderBytes)
        {
            return null;
        }

        var header = log.AsSpan(0, HeaderBytes);
        var pageBytes = Word(header, 8);
        if ((Word(header, 0) & ~1u) != Magic || pageBytes is < 512 or > 65536)
        {
            return null;
        }

        var scan = new Scan(log, (int)pageBytes, (Word(header, 0) & 1) != 0);
        return scan.FindDamage();
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private readonly record struct Sum(uint First, uint Second);

    private sealed class Scan(byte[] log, int pageBytes, bool isBigEndian)
    {
        private readonly int _count = (log.Length - HeaderBytes) / (FrameHeaderBytes + pageBytes);

        public long? FindDamage()
        {
            var sum = Stored(0, 24);
            var first = 0;
            if (Add(default, log.AsSpan(0, 24)) == sum)
            {
                while (first < _count && IsGood(first, sum))
                {
                    sum = Stored(At(first), 16);
                    first++;
                }
            }
            else if (_count == 0 || !IsGood(0, sum))
            {
                // Written when the log begins anew, and all of the former one is in the database: nothing hangs on it.
                return null;
            }
            else
            {
                // The header turned: the first frame still follows from it.
                return 0;
            }

            for (var frame = first; frame + 1 < _count; frame++)
            {
                if (IsOfThisLog(frame) && IsCommit(frame) && IsGood(frame + 1, Stored(At(frame), 16)))
                {
                    return At(first);
                }
            }

            return null;
        }

        private int At(int frame) => HeaderBytes + (frame * (FrameHeaderBytes + pageBytes));

        private bool IsCommit(int frame) => Word(log, At(frame) + 4) != 0;

        /// <summary>Frames of the log before this one lie behind its end; the salts tell them apart.</summary>
        private bool IsOfThisLog(int frame) => log.AsSpan(At(frame) + 8, 8).SequenceEqual(log.AsSpan(16, 8));

        private bool IsGood(int frame, Sum before) => IsOfThisLog(frame)
            && Add(Add(before, log.AsSpan(At(frame), 8)), log.AsSpan(At(frame) + FrameHeaderBytes, pageBytes)) == Stored(At(frame), 16);

        private Sum Stored(int at, int offset) => new(Word(log, at + offset), Word(log, at + offset + 4));

        private Sum Add(Sum sum, ReadOnlySpan<byte> bytes)
        {
            var (first, second) = (sum.First, sum.Second);
            for (; bytes.Length >= 8; bytes = bytes[8..])
            {
                first = unchecked(first + Summand(bytes) + second);
                second = unchecked(second + Summand(bytes[4..]) + first);
            }

            return new(first, second);
        }

        private uint Summand(ReadOnlySpan<byte> bytes) =>
            isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
