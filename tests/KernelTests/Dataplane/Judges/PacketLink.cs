using System.Net;
using System.Net.Sockets;

namespace Calico.KernelTests.Dataplane.Judges;

/// <summary>A link, as the end to which a packet socket is bound (struct sockaddr_ll of linux/if_packet.h).</summary>
internal sealed class PacketLink(int index) : EndPoint
{
    private const int Length = 20;
    private const int IndexAt = 4;

    public override AddressFamily AddressFamily => AddressFamily.Packet;

    /// <summary>A socket that sends whole frames over it, and is handed none.</summary>
    public Socket Open()
    {
        var socket = new Socket(AddressFamily.Packet, SocketType.Raw, 0);
        socket.Bind(this);
        return socket;
    }

    public override SocketAddress Serialize()
    {
        var address = new SocketAddress(AddressFamily.Packet, Length);
        for (var at = 0; at < sizeof(int); at++)
        {
            address[IndexAt + at] = (byte)(index >> (8 * at));
        }

        return address;
    }
}
