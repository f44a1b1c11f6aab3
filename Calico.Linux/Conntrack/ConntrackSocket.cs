using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using static Calico.Linux.Conntrack.ConntrackMessages;

namespace Calico.Linux.Conntrack;

/// <summary>Tracked connections of one network namespace: that of the thread which opened the socket.</summary>
/// <remarks>
/// The kernel deletes one entry by its whole tuple, or everything; so entries of an address are listed (the kernel filters IPv4, since 5.8)
/// and deleted one by one. Connections that begin meanwhile are missed: close the door first, then delete. One thread at a time.
/// </remarks>
public sealed class ConntrackSocket : IDisposable
{
    private const int DeletesPerSend = 1000;
    private const int BufferBytes = 4 * 1024 * 1024;
    private const byte NFPROTO_IPV4 = 2;
    private const byte NFPROTO_IPV6 = 10;

    private readonly NetlinkSocket _socket;
    private readonly NetlinkWriter _writer = new();

    private ConntrackSocket(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens a socket in the network namespace of the calling thread; needs CAP_NET_ADMIN there.</summary>
    public static ConntrackSocket Open(TimeSpan? receiveTimeout = null) =>
        new(NetlinkSocket.Open(NetlinkFamily.Netfilter, receiveTimeout, BufferBytes));

    /// <summary>Connections with this address in this place.</summary>
    public ImmutableArray<ConntrackEntry> List(ConntrackTuplePart part, IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return NetlinkSocket.Retry(() =>
        {
            var found = ImmutableArray.CreateBuilder<ConntrackEntry>();
            uint sequence = _socket.NextSequence();
            WriteList(sequence, part, address);
            _socket.Dump(_writer, sequence, $"list connections of {address}", (in NetlinkMessage message) =>
            {
                // Compared here too: older kernels ignore the filter.
                if (Read(message) is { } entry && entry[part].Equals(address))
                    found.Add(entry);
            });
            return found.DrainToImmutable();
        });
    }

    /// <summary>Deletes the connections with this address in this place; their next packet is judged as new.</summary>
    /// <returns>How many.</returns>
    public int Delete(ConntrackTuplePart part, IPAddress address)
    {
        ImmutableArray<ConntrackEntry> entries = List(part, address);
        int deleted = 0;
        for (int start = 0; start < entries.Length; start += DeletesPerSend)
            deleted += Delete(entries.AsSpan()[start..Math.Min(start + DeletesPerSend, entries.Length)]);
        return deleted;
    }

    /// <summary>Deletes every connection that has the address in any place.</summary>
    /// <returns>How many.</returns>
    public int DeleteAll(IPAddress address)
    {
        int deleted = 0;
        foreach (ConntrackTuplePart part in Enum.GetValues<ConntrackTuplePart>())
            deleted += Delete(part, address);
        return deleted;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _writer.Dispose();
    }

    private static byte FamilyOf(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

    private void WriteList(uint sequence, ConntrackTuplePart part, IPAddress address)
    {
        _writer.Clear();
        _writer.BeginMessage(IPCTNL_MSG_CT_GET, NetlinkFlags.Request | NetlinkFlags.Dump, sequence);
        _writer.WriteStruct(new NetfilterHeader { Family = FamilyOf(address) });

        // IPv4 only: for IPv6 the kernel's comparison is inverted and leaves out just what was asked for (seen with 6.18).
        if (address.AddressFamily == AddressFamily.InterNetwork)
            WriteFilter(part, address);
        _writer.EndMessage();
    }

    private void WriteFilter(ConntrackTuplePart part, IPAddress address)
    {
        bool isSource = part is ConntrackTuplePart.OriginalSource or ConntrackTuplePart.ReplySource;
        bool isReply = part is ConntrackTuplePart.ReplySource or ConntrackTuplePart.ReplyDestination;
        uint wanted = isSource ? CTA_FILTER_F_CTA_IP_SRC : CTA_FILTER_F_CTA_IP_DST;
        NestedToken tuple = _writer.BeginNested(isReply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
        NestedToken addresses = _writer.BeginNested(CTA_TUPLE_IP);
        _writer.WriteAddress(isSource ? CTA_IP_V4_SRC : CTA_IP_V4_DST, address);
        _writer.EndNested(addresses);
        _writer.EndNested(tuple);
        NestedToken filter = _writer.BeginNested(CTA_FILTER);
        _writer.WriteU32(CTA_FILTER_ORIG_FLAGS, isReply ? 0 : wanted);
        _writer.WriteU32(CTA_FILTER_REPLY_FLAGS, isReply ? wanted : 0);
        _writer.EndNested(filter);
    }

    private int Delete(ReadOnlySpan<ConntrackEntry> entries)
    {
        uint first = _socket.ReserveSequences(entries.Length);
        _writer.Clear();
        for (int i = 0; i < entries.Length; i++)
        {
            ConntrackEntry entry = entries[i];
            _writer.BeginMessage(IPCTNL_MSG_CT_DELETE, NetlinkFlags.Request | NetlinkFlags.Ack, first + (uint)i);
            _writer.WriteStruct(new NetfilterHeader { Family = FamilyOf(entry.OriginalSource) });
            NestedToken tuple = _writer.BeginNested(CTA_TUPLE_ORIG);
            _writer.WriteRaw(entry.OriginalTuple.AsSpan());
            _writer.EndNested(tuple);
            _writer.WriteU32BigEndian(CTA_ID, entry.Id);
            if (entry.Zone is { } zone)
                _writer.WriteU16BigEndian(CTA_ZONE, zone);
            _writer.EndMessage();
        }

        const string What = "delete connections";
        _socket.Send(_writer.Written, What);
        return ReadAcks(What, first, entries.Length);
    }

    private int ReadAcks(string what, uint first, int count)
    {
        int deleted = 0;
        int pending = count;
        NetlinkException? refused = null;
        while (pending > 0)
        {
            var reader = new NetlinkReader(_socket.Receive(what));
            while (reader.TryRead(out NetlinkMessage message))
            {
                long index = (long)message.Sequence - first;
                if (message.Type != NetlinkMessage.Error || index < 0 || index >= count)
                    continue;
                pending--;
                KernelAnswer answer = KernelAnswer.Read(message);
                if (answer.Errno == 0)
                    deleted++;
                else if (answer.Errno != (int)Errno.NoEntry)
                    refused ??= new NetlinkException(answer.Errno, what, answer.Text);

                // ENOENT: it ended by itself between the listing and now.
            }
        }

        return refused is null ? deleted : throw refused;
    }
}
