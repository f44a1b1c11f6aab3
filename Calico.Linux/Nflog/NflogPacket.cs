using Calico.Linux.Netlink;
using Calico.Linux.Nftables;

namespace Calico.Linux.Nflog;

/// <summary>A packet that a rule with <see cref="Log"/> told of.</summary>
public sealed record NflogPacket
{
    /// <summary>Where.</summary>
    public NftHook Hook { get; init; }

    /// <summary>Of the rule.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Of the packet, as it was then.</summary>
    public uint Mark { get; init; }

    /// <summary>Index of the interface by which it came; 0: it is the host's own.</summary>
    public int IncomingLink { get; init; }

    /// <summary>Index of the interface by which it goes; 0: it is not known yet.</summary>
    public int OutgoingLink { get; init; }

    /// <summary>From the IP header on, as much as was asked for.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    internal static NflogPacket Read(in NetlinkMessage message)
    {
        var (hook, prefix, mark, incoming, outgoing) = (default(NftHook), "", 0u, 0, 0);
        byte[] payload = [];
        var attributes = message.Attributes<NetfilterHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                // struct nfulnl_msg_packet_hdr: protocol, 2 bytes; hook, 1 byte.
                case NflogMessages.NFULA_PACKET_HDR when a.Content.Length > 2: hook = (NftHook)a.Content[2]; break;
                case NflogMessages.NFULA_MARK: mark = a.U32BigEndian; break;
                case NflogMessages.NFULA_IFINDEX_INDEV: incoming = (int)a.U32BigEndian; break;
                case NflogMessages.NFULA_IFINDEX_OUTDEV: outgoing = (int)a.U32BigEndian; break;
                case NflogMessages.NFULA_PAYLOAD: payload = a.Content.ToArray(); break;
                case NflogMessages.NFULA_PREFIX: prefix = a.Text; break;
            }
        }

        return new() { Hook = hook, Prefix = prefix, Mark = mark, IncomingLink = incoming, OutgoingLink = outgoing, Payload = payload };
    }
}
