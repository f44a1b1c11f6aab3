using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Calico.Host.Node;

/// <summary>The file of the policy snapshot: a whole list, then what changed since, in frames.</summary>
/// <remarks>The list replaces a former file at once; changes are appended. A frame that was cut off while it was written ends the file:
/// what is before it is a moment older and whole. One writer.</remarks>
/// <param name="path">Beside the node log.</param>
internal sealed class SnapshotFile(string path)
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Appended changes that are not worth writing everything anew.</summary>
    private const long LeastChanges = 1 << 20;

    private const int FrameBytes = 256 << 10;

    private static ReadOnlySpan<byte> Magic => "calsnap1"u8;

    private long _listLength;
    private long _length;

    /// <summary>Whether what was appended outweighs the list.</summary>
    public bool IsWorn => _length - _listLength > Math.Max(_listLength, LeastChanges);

    /// <summary>The frames in their order; none when there is no whole list.</summary>
    /// <exception cref="IOException">The file is there and cannot be read.</exception>
    public IEnumerable<SnapshotFrame> Read()
    {
        // First all is looked through: whoever has taken the beginning of a list needs its end.
        var hasList = false;
        var end = 0L;
        foreach (var frame in Frames())
        {
            hasList |= SnapshotFrame.IsEnd(frame);
            end += frame.Length;
        }

        foreach (var frame in hasList ? Frames() : [])
        {
            if ((end -= frame.Length) < 0)
            {
                yield break;
            }

            yield return SnapshotFrame.Decode(frame);
        }
    }

    /// <summary>Puts a whole list in the place of what is there.</summary>
    /// <exception cref="IOException">It is not on the disk; what was there still is.</exception>
    public void Replace(IEnumerable<byte[]> frames)
    {
        var next = path + ".next";
        long length;
        using (var file = new FileStream(next,
            new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = Owner }))
        {
            file.Write(Magic);
            foreach (var frame in frames)
            {
                file.Write(frame);
            }

            file.Flush(flushToDisk: true);
            length = file.Length;
        }

        File.Move(next, path, overwrite: true);
        (_listLength, _length) = (length, length);
    }

    /// <summary>Adds what changed.</summary>
    /// <exception cref="IOException">It is not on the disk.</exception>
    public void Append(byte[] frame)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
        // Behind what is known to be whole: a former try may have left a piece.
        file.SetLength(_length);
        file.Position = _length;
        file.Write(frame);
        file.Flush(flushToDisk: true);
        _length += frame.Length;
    }

    /// <summary>Writes the list anew as the changes have left it. One portion at a time is in memory.</summary>
    /// <exception cref="IOException">It is not on the disk; what was there still is.</exception>
    public void Renew()
    {
        var last = new Dictionary<UInt128, int>();
        var number = 0;
        foreach (var entry in Read().SelectMany(frame => frame.Entries))
        {
            last[Identity(entry.Key)] = number++;
        }

        Replace(Standing(last));
    }

    private IEnumerable<byte[]> Standing(Dictionary<UInt128, int> last)
    {
        var entries = ImmutableArray.CreateBuilder<SnapshotEntry>();
        var (number, bytes, revision) = (0, 0, 0L);
        foreach (var frame in Read())
        {
            revision = frame.Revision;
            foreach (var entry in frame.Entries)
            {
                if (last[Identity(entry.Key)] == number++ && entry.Value is { } value)
                {
                    entries.Add(entry);
                    bytes += value.Length;
                }
            }

            if (bytes >= FrameBytes)
            {
                yield return new SnapshotFrame(revision, EndsList: false, entries.ToImmutable()).Encode();
                entries.Clear();
                bytes = 0;
            }
        }

        yield return new SnapshotFrame(revision, EndsList: true, entries.ToImmutable()).Encode();
    }

    /// <summary>Half of the key's SHA-256: nobody finds two keys with the same one.</summary>
    private static UInt128 Identity(string key) => BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <summary>The frames as they stand in the file, up to the first that is not whole.</summary>
    private IEnumerable<byte[]> Frames()
    {
        if (!File.Exists(path))
        {
            yield break;
        }

        using var file = File.OpenRead(path);
        var header = new byte[SnapshotFrame.HeaderLength];
        if (file.ReadAtLeast(header.AsSpan(0, Magic.Length), Magic.Length, throwOnEndOfStream: false) < Magic.Length
            || !Magic.SequenceEqual(header.AsSpan(0, Magic.Length)))
        {
            yield break;
        }

        while (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length
            && SnapshotFrame.LengthOf(header) is { } length
            && length - header.Length <= file.Length - file.Position)
        {
            var frame = new byte[length];
            header.CopyTo(frame, 0);
            file.ReadExactly(frame.AsSpan(header.Length));
            if (!SnapshotFrame.IsWhole(frame))
            {
                yield break;
            }

            yield return frame;
        }
    }
}
