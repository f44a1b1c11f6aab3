using System.Net.Sockets;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;

namespace Calico.Linux;

/// <summary>Who is at the other end of a unix socket, as the kernel recorded it when they connected (SO_PEERCRED).</summary>
/// <param name="ProcessId">0 when the process is in a namespace that this one cannot see.</param>
/// <param name="UserId">Effective user.</param>
/// <param name="GroupId">Effective group; supplementary groups are not told.</param>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId)
{
    /// <exception cref="SocketException">Not a connected unix socket.</exception>
    public static PeerCredentials Of(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Span<byte> answer = stackalloc byte[Marshal.SizeOf<LibC.PeerCredential>()];
        socket.GetRawSocketOption(LibC.SOL_SOCKET, LibC.SO_PEERCRED, answer);
        var peer = MemoryMarshal.Read<LibC.PeerCredential>(answer);
        return new PeerCredentials(peer.ProcessId, peer.UserId, peer.GroupId);
    }
}
