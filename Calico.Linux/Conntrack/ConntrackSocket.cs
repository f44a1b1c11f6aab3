using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Linux.Netlink;

namespace Calico.Linux.Conntrack;

/// <summary>Tracked connections of one network namespace: that of the thread which opened the socket.</summary>
/// <remarks>
/// The kernel deletes one entry by its whole tuple, or everything; so entries of an address are listed (the kernel filters IPv4, since 5.8)
/// and deleted one by one. Connections that begin meanwhile are missed: close the door first, then delete.
/// Safe to call from any thread; requests go one after the other.
/// </remarks>
public sealed class ConntrackSocket : IConntrack
{
    private const int DeletesPerSend = 1000;
    private const int BufferBytes = 4 * 1024 * 1024;

    private readonly NetlinkSocket _socket;
    private readonly NetlinkWriter _writer = new();

    /// <summary>Guards <see cref="_socket"/> and <see cref="_writer"/>: an answer belongs to the request before it.</summary>
    private readonly Lock _exchange = new();

    private ConntrackSocket(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens a socket in the network namespace of the calling thread; needs CAP_NET_ADMIN there.</summary>
    public static ConntrackSocket Open(TimeSpan? receiveTimeout = null) =>
        new(NetlinkSocket.Open(NetlinkFamily.Netfilter, receiveTimeout, BufferBytes));

    /// <summary>Connections with this address in this place.</summary>
    public ImmutableArray<ConntrackEntry> List(ConntrackTuplePart part, IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        lock (_exchange)
        {
            return NetlinkSocket.Retry(() => ListOnce(part, address));
        }
    }

    /// <summary>Every address that a connection has in any place. One walk over the table for each family.</summary>
    public HashSet<IPAddress> ListAddresses()
    {
        lock (_exchange)
        {
            return NetlinkSocket.Retry(() => (HashSet<IPAddress>)[.. ListAddressesOnce(AddressFamily.InterNetwork),
                .. ListAddressesOnce(AddressFamily.InterNetworkV6)]);
        }
    }

    /// <summary>Connections that have one of the addresses in any place. One walk over the table for each family, however many addresses: a
    /// walk costs about 10 ms by the table's size, asked for one address or for all.</summary>
    public ImmutableArray<ConntrackEntry> List(IReadOnlySet<IPAddress> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        lock (_exchange)
        {
            return [.. addresses.Select(a => a.AddressFamily).Distinct()
                .SelectMany(family => NetlinkSocket.Retry(() => ListOnce(family, $"list connections of {addresses.Count} addresses",
                    entry =>
                    addresses.Contains(entry.OriginalSource) || addresses.Contains(entry.OriginalDestination)
                    || addresses.Contains(entry.ReplySource) || addresses.Contains(entry.ReplyDestination))))];
        }
    }

    /// <summary>Connections of a family that <paramref name="isWanted"/>. One walk over the table.</summary>
    public ImmutableArray<ConntrackEntry> List(AddressFamily family, Func<ConntrackEntry, bool> isWanted)
    {
        ArgumentNullException.ThrowIfNull(isWanted);
        lock (_exchange)
        {
            return NetlinkSocket.Retry(() => ListOnce(family, "list connections", isWanted));
        }
    }

    /// <summary>Deletes these connections and no later ones between the same ends; their next packet is judged as new.</summary>
    /// <returns>How many were still there.</returns>
    public int Delete(ImmutableArray<ConntrackEntry> entries)
    {
        var deleted = 0;
        lock (_exchange)
        {
            for (var start = 0; start < entries.Length; start += DeletesPerSend)
            {
                deleted += Delete(entries.AsSpan()[start..Math.Min(start + DeletesPerSend, entries.Length)]);
            }
        }

        return deleted;
    }

    /// <summary>Deletes the connections with this address in this place; their next packet is judged as new.</summary>
    /// <returns>How many.</returns>
    public int Delete(ConntrackTuplePart part, IPAddress address) => Delete(List(part, address));

    /// <summary>Deletes every connection that has the address in any place.</summary>
    /// <returns>How many.</returns>
    public int DeleteAll(IPAddress address)
    {
        var deleted = 0;
        foreach (var part in Enum.GetValues<ConntrackTuplePart>())
        {
            deleted += Delete(part, address);
        }

        return deleted;
    }

    public void Dispose()
    {
        _socket.Dispose();
        _writer.Dispose();
    }

    private ImmutableArray<ConntrackEntry> ListOnce(ConntrackTuplePart part, IPAddress address)
    {
        var found = ImmutableArray.CreateBuilder<ConntrackEntry>();
        var sequence = _socket.NextSequence();
        _writer.Clear();
        ConntrackQueries.List(_writer, sequence, part, address);
        _socket.Dump(_writer, sequence, $"list connections of {address}", (in NetlinkMessage message) =>
        {
            // Compared here too: older kernels ignore the filter.
            if (ConntrackMessages.Read(message) is { } entry && entry[part].Equals(address))
            {
                found.Add(entry);
            }
        });
        return found.DrainToImmutable();
    }

    private ImmutableArray<ConntrackEntry> ListOnce(AddressFamily family, string purpose, Func<ConntrackEntry, bool> isWanted)
    {
        var found = ImmutableArray.CreateBuilder<ConntrackEntry>();
        var sequence = _socket.NextSequence();
        _writer.Clear();
        ConntrackQueries.List(_writer, sequence, family);
        _socket.Dump(_writer, sequence, purpose, (in NetlinkMessage message) =>
        {
            if (ConntrackMessages.Read(message) is { } entry && isWanted(entry))
            {
                found.Add(entry);
            }
        });
        return found.DrainToImmutable();
    }

    private HashSet<IPAddress> ListAddressesOnce(AddressFamily family)
    {
        var found = new HashSet<IPAddress>();
        var sequence = _socket.NextSequence();
        _writer.Clear();
        ConntrackQueries.List(_writer, sequence, family);
        _socket.Dump(_writer, sequence, "list connections", (in NetlinkMessage message) =>
        {
            if (ConntrackMessages.Read(message) is not { } entry)
            {
                return;
            }

            found.Add(entry.OriginalSource);
            found.Add(entry.OriginalDestination);
            found.Add(entry.ReplySource);
            found.Add(entry.ReplyDestination);
        });
        return found;
    }

    private int Delete(ReadOnlySpan<ConntrackEntry> entries)
    {
        var first = _socket.ReserveSequences(entries.Length);
        _writer.Clear();
        for (var i = 0; i < entries.Length; i++)
        {
            ConntrackQueries.Delete(_writer, first + (uint)i, entries[i]);
        }

        const string What = "delete connections";
        _socket.Send(_writer.Written, What);
        return ReadAcks(What, first, entries.Length);
    }

    private int ReadAcks(string what, uint first, int count)
    {
        var deleted = 0;
        var pending = count;
        NetlinkException? refused = null;
        while (pending > 0)
        {
            var reader = new NetlinkReader(_socket.Receive(what));
            while (reader.TryRead(out var message))
            {
                var index = (long)message.Sequence - first;
                if (message.Type != NetlinkMessage.Error || index < 0 || index >= count)
                {
                    continue;
                }

                pending--;
                var answer = KernelAnswer.Read(message);
                if (answer.Errno == 0)
                {
                    deleted++;
                }
                else if (answer.Errno != (int)Errno.NoEntry)
                {
                    refused ??= new NetlinkException(answer.Errno, what, answer.Text);
                }

                // ENOENT: it ended by itself between the listing and now.
            }
        }

        return refused is null ? deleted : throw refused;
    }
}
