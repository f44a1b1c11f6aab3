using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;

namespace Calico.Linux.Nflog;

/// <summary>The packets that rules of one network namespace tell an nflog group of. A group has one reader; one reader of this.</summary>
/// <remarks>What comes faster than it is read is lost without a word: it is a look at packets, not an account of them.</remarks>
public sealed class NflogStream : IDisposable
{
    /// <summary>Headers of IPv6 with some extensions, and the first bytes of the transport's.</summary>
    private const uint CopiedBytes = 128;
    private const int BufferBytes = 512 * 1024;

    /// <summary>Packets that the kernel collects before it tells of them, and hundredths of a second for which it does.</summary>
    private const uint CollectedPackets = 32;
    private const uint CollectedFor = 10;

    private readonly NetlinkEventSocket _socket;
    private readonly ushort _group;

    private NflogStream(NetlinkEventSocket socket, ushort group) => (_socket, _group) = (socket, group);

    /// <summary>Becomes the group's reader in the network namespace of the calling thread. Whether the kernel agrees, the reading
    /// tells.</summary>
    public static NflogStream Open(ushort group)
    {
        var socket = NetlinkEventSocket.Open(NetlinkFamily.Netfilter, [], BufferBytes);
        try
        {
            using var writer = new NetlinkWriter(256);
            Configure(writer, group, 1, w => w.WriteU8(NflogMessages.NFULA_CFG_CMD, NflogMessages.NFULNL_CFG_CMD_BIND));
            Configure(writer, group, 2, w =>
            {
                // struct nfulnl_msg_config_mode: range, 4 bytes; mode, 1 byte; padding.
                Span<byte> mode = stackalloc byte[6];
                BinaryPrimitives.WriteUInt32BigEndian(mode, CopiedBytes);
                mode[4] = NflogMessages.NFULNL_COPY_PACKET;
                w.WriteBytes(NflogMessages.NFULA_CFG_MODE, mode);
                w.WriteU32BigEndian(NflogMessages.NFULA_CFG_TIMEOUT, CollectedFor);
                w.WriteU32BigEndian(NflogMessages.NFULA_CFG_QTHRESH, CollectedPackets);
            });
            socket.Send(writer.Written, $"read nflog group {group}");
            return new(socket, group);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Whether the kernel has nflog. Asked by leaving a group that this socket does not read, which changes nothing.</summary>
    public static bool IsAvailable(ushort group)
    {
        using var socket = NetlinkSocket.Open(NetlinkFamily.Netfilter);
        using var writer = new NetlinkWriter(64);
        var sequence = socket.NextSequence();
        Configure(writer, group, sequence, w => w.WriteU8(NflogMessages.NFULA_CFG_CMD, NflogMessages.NFULNL_CFG_CMD_UNBIND));
        try
        {
            socket.Acknowledge(writer, sequence, $"ask for nflog group {group}");
            return true;
        }
        catch (NetlinkException e)
        {
            // A subsystem that is not there is an invalid one; "no such group" and "somebody else's" come from one that is.
            return e.Errno is not (Errno.Invalid or Errno.NotSupported);
        }
    }

    /// <summary>Packets until cancelled.</summary>
    /// <exception cref="NetlinkException">The kernel does not let us: <see cref="Errno.Busy"/> somebody else reads the group.</exception>
    public async IAsyncEnumerable<NflogPacket> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pending = new List<NflogPacket>();
        while (true)
        {
            try
            {
                Read((await _socket.ReceiveAsync(cancellationToken)).Span, pending);
            }
            catch (NetlinkOverrunException)
            {
                // Some are lost; the next are not.
            }

            foreach (var packet in pending)
            {
                yield return packet;
            }

            pending.Clear();
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Read(ReadOnlySpan<byte> datagram, List<NflogPacket> packets)
    {
        var reader = new NetlinkReader(datagram);
        while (reader.TryRead(out var message))
        {
            if (message.Type == NflogMessages.Type(NflogMessages.NFULNL_MSG_PACKET))
            {
                packets.Add(NflogPacket.Read(message));
            }
            else if (message.Type == NetlinkMessage.Error && KernelAnswer.Read(message) is { Errno: not 0 } answer)
            {
                throw new NetlinkException(answer.Errno, $"read nflog group {_group}");
            }
        }
    }

    private static void Configure(NetlinkWriter writer, ushort group, uint sequence, Action<NetlinkWriter> content)
    {
        writer.BeginMessage(NflogMessages.Type(NflogMessages.NFULNL_MSG_CONFIG), NetlinkFlags.Request | NetlinkFlags.Ack, sequence);
        writer.WriteStruct(new NetfilterHeader { Resource = BinaryPrimitives.ReverseEndianness(group) });
        content(writer);
        writer.EndMessage();
    }
}
