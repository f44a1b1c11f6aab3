using System.Runtime.CompilerServices;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Transactions of everyone in one network namespace, as they are committed; our own are among them unless they are ignored.
/// </summary>
/// <remarks>Open it before the first listing: then nothing falls between listing and events. One reader.</remarks>
public sealed class NftChangeStream : IDisposable
{
    /// <summary>uapi linux/netfilter/nfnetlink.h.</summary>
    private const int NFNLGRP_NFTABLES = 7;

    /// <summary>In every message of nf_tables, attribute 1 is the table's name; NEWGEN apart.</summary>
    private const ushort TableAttribute = 1;

    private readonly NetlinkEventSocket _socket;
    private readonly HashSet<NftTable> _touched = [];
    private readonly List<NftChange> _pending = [];

    private NftChangeStream(NetlinkEventSocket socket) => _socket = socket;

    /// <summary>Subscribes in the network namespace of the calling thread.</summary>
    public static NftChangeStream Open() => new(NetlinkEventSocket.Open(NetlinkFamily.Netfilter, [NFNLGRP_NFTABLES]));

    /// <summary>Leaves out the transactions of a socket from now on.</summary>
    /// <param name="port">Its <see cref="NftSocket.PortId"/>.</param>
    public void IgnoreDoingsOf(uint port) => _socket.IgnoreDoingsOf(port);

    /// <summary>Changes until cancelled. After one with <see cref="NftChange.Lost"/> it goes on.</summary>
    public async IAsyncEnumerable<NftChange> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                Read((await _socket.ReceiveAsync(cancellationToken)).Span);
            }
            catch (Exception e) when (e is NetlinkOverrunException or NetlinkFormatException)
            {
                // What cannot be read is as lost as what did not arrive.
                _touched.Clear();
                _pending.Add(new NftChange(0, 0, "", [], Lost: true));
            }

            foreach (var change in _pending)
            {
                yield return change;
            }

            _pending.Clear();
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Read(ReadOnlySpan<byte> datagram)
    {
        var reader = new NetlinkReader(datagram);
        while (reader.TryRead(out var message))
        {
            if (message.Type >> 8 != NftMessages.NFNL_SUBSYS_NFTABLES)
            {
                continue;
            }

            if (message.Type == NftMessages.Type(NftMessages.NFT_MSG_NEWGEN))
            {
                ReadGeneration(message);
            }
            else
            {
                ReadTouched(message);
            }
        }
    }

    private void ReadTouched(in NetlinkMessage message)
    {
        var attributes = message.Attributes<NetfilterHeader>();
        if (attributes.TryRead(out var first) && first.Type == TableAttribute)
        {
            _touched.Add(new NftTable((NftFamily)message.ReadStruct<NetfilterHeader>().Family, first.Text));
        }
    }

    private void ReadGeneration(in NetlinkMessage message)
    {
        uint generation = 0;
        var process = 0;
        var name = "";
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case NftMessages.NFTA_GEN_ID: generation = a.U32BigEndian; break;
                case NftMessages.NFTA_GEN_PROC_PID: process = (int)a.U32BigEndian; break;
                case NftMessages.NFTA_GEN_PROC_NAME: name = a.Text; break;
            }
        }

        _pending.Add(new NftChange(generation, process, name, [.. _touched], Lost: false));
        _touched.Clear();
    }
}
