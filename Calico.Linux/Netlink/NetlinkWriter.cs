using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Calico.Linux.Netlink;

/// <summary>Writes netlink messages one after the other into one growable, pooled buffer.</summary>
/// <remarks>
/// A message is opened by <see cref="BeginMessage"/> and closed by <see cref="EndMessage"/>, which patches its length.
/// Headers and plain attributes are in the machine's byte order; methods that write network order say so.
/// Not thread-safe. Dispose gives the buffer back.
/// </remarks>
public sealed partial class NetlinkWriter : IDisposable
{
    /// <summary>Length of nlmsghdr.</summary>
    public const int HeaderLength = 16;

    private const int NoMessage = -1;

    private byte[] _buffer;
    private int _length;
    private int _messageStart = NoMessage;
    private int _openNested;

    public NetlinkWriter(int capacity = 4096) => _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    /// <summary>Everything written so far.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    /// <summary>Bytes written so far.</summary>
    public int Length => _length;

    /// <summary>Forgets what was written and keeps the buffer.</summary>
    public void Clear()
    {
        _length = 0;
        _messageStart = NoMessage;
        _openNested = 0;
    }

    /// <summary>Opens a message; the sender's port is left 0 for the kernel to fill.</summary>
    public void BeginMessage(ushort type, NetlinkFlags flags, uint sequence)
    {
        if (_messageStart != NoMessage)
        {
            throw new InvalidOperationException("the message before this one is still open");
        }

        _messageStart = _length;
        var header = Take(HeaderLength);
        MemoryMarshal.Write(header[4..], type);
        MemoryMarshal.Write(header[6..], (ushort)flags);
        MemoryMarshal.Write(header[8..], sequence);
    }

    /// <summary>Closes the message and patches its length.</summary>
    public void EndMessage()
    {
        if (_messageStart == NoMessage || _openNested != 0)
        {
            throw new InvalidOperationException(_openNested != 0 ? "a nested attribute is still open" : "no message is open");
        }

        MemoryMarshal.Write(_buffer.AsSpan(_messageStart), _length - _messageStart);
        _messageStart = NoMessage;
    }

    /// <summary>Drops the message that is open, for a caller whose content turned out invalid half-way.</summary>
    public void AbandonMessage()
    {
        if (_messageStart == NoMessage)
        {
            return;
        }

        _length = _messageStart;
        _messageStart = NoMessage;
        _openNested = 0;
    }

    /// <summary>Whether the message that begins at <paramref name="offset"/> asks for an ack.</summary>
    internal void SetAck(int offset, bool wanted)
    {
        var at = _buffer.AsSpan(offset + 6);
        var flags = (NetlinkFlags)MemoryMarshal.Read<ushort>(at) & ~NetlinkFlags.Ack;
        MemoryMarshal.Write(at, (ushort)(wanted ? flags | NetlinkFlags.Ack : flags));
    }

    /// <summary>Gives the message that begins at <paramref name="offset"/> its sequence number.</summary>
    internal void SetSequence(int offset, uint sequence) => MemoryMarshal.Write(_buffer.AsSpan(offset + 8), sequence);

    /// <summary>Keeps room for something that is known only later.</summary>
    internal void Reserve(int count) => Take(count);

    /// <summary>Cuts the end off.</summary>
    internal void Truncate(int length) => _length = length;

    /// <summary>Writes a message over room that was kept; the rest stays.</summary>
    internal void OverwriteMessage(int offset, Action<NetlinkWriter> write)
    {
        var length = _length;
        _length = offset;
        write(this);
        _length = length;
    }

    /// <summary>Writes a family header (ifinfomsg, rtmsg, nfgenmsg...), padded to four bytes.</summary>
    public void WriteStruct<T>(in T value) where T : unmanaged
    {
        var size = Unsafe.SizeOf<T>();
        MemoryMarshal.Write(Take(Align(size)), value);
    }

    /// <summary>Gives the buffer back to the pool.</summary>
    public void Dispose()
    {
        var buffer = _buffer;
        _buffer = [];
        _length = 0;
        if (buffer.Length != 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    internal static int Align(int length) => (length + 3) & ~3;

    /// <summary>Zeroed bytes at the end; padding must not carry what the pool's last user left.</summary>
    private Span<byte> Take(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Grow(count);
        }

        var taken = _buffer.AsSpan(_length, count);
        taken.Clear();
        _length += count;
        return taken;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int count)
    {
        var larger = ArrayPool<byte>.Shared.Rent(checked(Math.Max(_buffer.Length * 2, _length + count)));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        if (_buffer.Length != 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = larger;
    }
}
