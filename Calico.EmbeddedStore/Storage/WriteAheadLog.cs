using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

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
    private const int SummedBytes = 24;
    private const int FrameHeaderBytes = 24;

    // The lowest bit tells the byte order of the words that are summed.
    private const uint Magic = 0x377f0682;

    /// <summary>Where a log is damaged with more of it behind, or null: it is good, torn at its end, or not there.</summary>
    /// <param name="path">The log. It may be read beside SQLite, which locks the database and never the log.</param>
    /// <param name="pageBytes">Page size of its database, for a header that does not say it any more.</param>
    public static long? FindDamage(string path, int pageBytes)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using var file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
        var header = new byte[HeaderBytes];
        if (RandomAccess.Read(file, header, 0) < HeaderBytes)
        {
            return null;
        }

        var isBigEndian = (Word(header, 0) & 1) != 0;
        if ((Word(header, 0) & ~1u) == Magic && Word(header, 8) is >= 512 and <= 65536
            && Sum.Of(header.AsSpan(0, SummedBytes), isBigEndian) == Sum.Stored(header, SummedBytes))
        {
            return new Scan(file, header, (int)Word(header, 8), isBigEndian).FindDamage();
        }

        // A header is torn only where the log begins anew, and then all of the former one is in the database: nothing hangs on it. But if
        // the first frame still follows from it, it was whole once. Either its sum turned or what is summed, and any byte of it may have.
        return new Scan(file, header, pageBytes, false).FollowsFromTurnedHeader()
            || new Scan(file, header, pageBytes, true).FollowsFromTurnedHeader() ? 0 : null;
    }

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private readonly record struct Sum(uint First, uint Second)
    {
        public static Sum Stored(ReadOnlySpan<byte> bytes, int at) => new(Word(bytes, at), Word(bytes, at + 4));

        public static Sum Of(ReadOnlySpan<byte> bytes, bool isBigEndian) => default(Sum).Add(bytes, isBigEndian);

        public Sum Add(ReadOnlySpan<byte> bytes, bool isBigEndian)
        {
            var (first, second) = (First, Second);
            for (; bytes.Length >= 8; bytes = bytes[8..])
            {
                first = unchecked(first + Summand(bytes, isBigEndian) + second);
                second = unchecked(second + Summand(bytes[4..], isBigEndian) + first);
            }

            return new(first, second);
        }

        private static uint Summand(ReadOnlySpan<byte> bytes, bool isBigEndian) =>
            isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    /// <summary>Goes through the frames, one in memory at a time: after a crash there may be 16 MiB of them.</summary>
    private sealed class Scan(SafeFileHandle file, byte[] header, int pageBytes, bool isBigEndian)
    {
        private readonly long _count = (RandomAccess.GetLength(file) - HeaderBytes) / (FrameHeaderBytes + pageBytes);
        private readonly byte[] _frame = new byte[FrameHeaderBytes + pageBytes];

        public long? FindDamage()
        {
            var before = Sum.Stored(header, SummedBytes);
            long? damaged = null;
            var isCommitBefore = false;
            for (long frame = 0; frame < _count; frame++)
            {
                Read(frame);
                var isGood = IsOfThisLog && Follows(before);
                if (damaged is null && !isGood)
                {
                    damaged = At(frame);
                }
                else if (damaged is not null && isGood && isCommitBefore)
                {
                    return damaged;
                }

                isCommitBefore = IsOfThisLog && Word(_frame, 4) != 0;
                before = Sum.Stored(_frame, 16);
            }

            return null;
        }

        public bool FollowsFromTurnedHeader()
        {
            if (_count == 0)
            {
                return false;
            }

            Read(0);
            return Follows(Sum.Stored(header, SummedBytes)) || Follows(Sum.Of(header.AsSpan(0, SummedBytes), isBigEndian));
        }

        /// <summary>Frames of the log before this one lie behind its end; the salts tell them apart.</summary>
        private bool IsOfThisLog => _frame.AsSpan(8, 8).SequenceEqual(header.AsSpan(16, 8));

        private long At(long frame) => HeaderBytes + (frame * _frame.Length);

        private void Read(long frame)
        {
            if (RandomAccess.Read(file, _frame, At(frame)) < _frame.Length)
            {
                throw new IOException($"frame {frame} of the write-ahead log could not be read whole");
            }
        }

        /// <summary>Whether the frame's sum continues the one before it.</summary>
        private bool Follows(Sum before) =>
            before.Add(_frame.AsSpan(0, 8), isBigEndian).Add(_frame.AsSpan(FrameHeaderBytes), isBigEndian) == Sum.Stored(_frame, 16);
    }
}
