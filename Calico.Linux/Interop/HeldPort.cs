using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux;

/// <summary>A port that nobody else can bind while this lives; nobody listens on it. Of the calling thread's network namespace.</summary>
/// <remarks>
/// By the C library, because .NET's sockets share their address (SO_REUSEADDR) with every other that does, as long as neither listens.
/// And this one does not: who comes to a stream port past the translation is refused, as if the port were free. Datagrams that come
/// past it are taken in and forgotten.
/// </remarks>
public sealed class HeldPort : IDisposable
{
    private readonly SafeFileHandle _socket;

    private HeldPort(SafeFileHandle socket, int port) => (_socket, Port) = (socket, port);

    /// <summary>1 to 65535.</summary>
    public int Port { get; }

    /// <summary>Binds it.</summary>
    /// <param name="protocol">TCP, UDP or SCTP (132).</param>
    /// <param name="address">One of the host's, or any of its family; IPv6's is not IPv4's too.</param>
    /// <param name="port">0: the kernel chooses, out of <c>ip_local_port_range</c> without <c>ip_local_reserved_ports</c>.</param>
    /// <returns>Null with the reason: <see cref="Errno.AddressInUse"/>; <see cref="Errno.AddressNotAvailable"/> no address of this host;
    /// <see cref="Errno.ProtocolNotSupported"/> or <see cref="Errno.SocketTypeNotSupported"/> this kernel does not have the protocol;
    /// others.</returns>
    public static unsafe (HeldPort? Held, Errno Why) TryHold(ProtocolType protocol, IPAddress address, int port)
    {
        ArgumentNullException.ThrowIfNull(address);
        var isIpv6 = address.AddressFamily == AddressFamily.InterNetworkV6;
        var target = new IPEndPoint(address, port).Serialize();
        var family = MemoryMarshal.Read<ushort>(target.Buffer.Span);
        var type = protocol == ProtocolType.Udp ? LibC.SOCK_DGRAM : LibC.SOCK_STREAM;
        var descriptor = LibC.Socket(family, type | LibC.SOCK_CLOEXEC, (int)protocol);
        if (descriptor < 0)
        {
            return (null, (Errno)Marshal.GetLastPInvokeError());
        }

        var socket = new SafeFileHandle(descriptor, ownsHandle: true);
        var one = 1;
        fixed (byte* bytes = target.Buffer.Span)
        {
            var length = (uint)target.Size;
            if ((isIpv6 && LibC.SetSocketOption(socket, LibC.IPPROTO_IPV6, LibC.IPV6_V6ONLY, &one, sizeof(int)) != 0)
                || LibC.SetSocketOption(socket, LibC.SOL_SOCKET, LibC.SO_RCVBUF, &one, sizeof(int)) != 0
                || LibC.Bind(socket, bytes, length) != 0 || LibC.GetSocketName(socket, bytes, &length) != 0)
            {
                var why = (Errno)Marshal.GetLastPInvokeError();
                socket.Dispose();
                return (null, why);
            }

            return (new(socket, (bytes[2] << 8) | bytes[3]), default);
        }
    }

    public void Dispose() => _socket.Dispose();
}
