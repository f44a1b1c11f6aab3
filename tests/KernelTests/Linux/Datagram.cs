using System.Net;
using System.Net.Sockets;

namespace Calico.KernelTests.Linux;

/// <summary>Sends a datagram from one namespace to another and an answer back, by sockets that the broker made there.</summary>
internal static class Datagram
{
    private const int AnswerMilliseconds = 1000;
    private const int SilenceMilliseconds = 600;

    /// <summary>Whether it arrives, and its answer too.</summary>
    public static bool Passes(ScratchNamespace from, ScratchNamespace to, IPEndPoint destination)
    {
        using var server = to.Broker.Run(to.File, () => Bound(destination));
        using var client = from.Broker.Run(from.File, () => Bound(new IPEndPoint(IPAddress.Any, 0)));
        var buffer = new byte[16];
        client.SendTo("there"u8, destination);
        EndPoint peer = new IPEndPoint(IPAddress.Any, 0);

        // One machine: it is here at once, or when the kernel gets round to deliver it, or not at all.
        if (!server.Poll(TimeSpan.FromMilliseconds(SilenceMilliseconds), SelectMode.SelectRead))
        {
            return false;
        }

        var length = server.ReceiveFrom(buffer, ref peer);
        server.SendTo(buffer.AsSpan(0, length), peer);
        return client.Poll(TimeSpan.FromMilliseconds(AnswerMilliseconds), SelectMode.SelectRead)
               && client.Receive(buffer) == length && buffer.AsSpan(0, length).SequenceEqual("there"u8);
    }

    private static Socket Bound(IPEndPoint address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(address);
        return socket;
    }
}
