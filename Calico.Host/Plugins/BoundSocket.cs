using System.Net.Sockets;
using System.Text;
using Calico.Linux;

namespace Calico.Host.Plugins;

/// <summary>A listening unix socket that the host keeps for an adapter.</summary>
internal sealed class BoundSocket : IDisposable
{
    private const int MaxPath = 107;

    private readonly Socket _socket;

    private BoundSocket(ListenerSpec spec, Socket socket) => (Spec, _socket) = (spec, socket);

    public ListenerSpec Spec { get; }

    /// <summary>Binds and listens. A socket file that nobody answers on is replaced; one that somebody serves is not.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> path too long or not absolute; <see cref="Problem.AlreadyExists"/>
    /// another process serves it; <see cref="Problem.Refused"/> the kernel said no.</exception>
    public static BoundSocket Bind(ListenerSpec spec)
    {
        if (!Path.IsPathFullyQualified(spec.Path) || Encoding.UTF8.GetByteCount(spec.Path) > MaxPath)
        {
            throw new CalicoException(Problem.Invalid,
                $"listener '{spec.Name}': '{spec.Path}' is not an absolute path of at most {MaxPath} bytes", spec.Name);
        }

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(spec.Path)!,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
            RefuseServed(spec);
            // Under a temporary name until its mode is set: nobody connects to a socket that is still open to all.
            var temporary = spec.Path + ".new";
            File.Delete(temporary);
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Bind(new UnixDomainSocketEndPoint(temporary));
                File.SetUnixFileMode(temporary, spec.Mode);
                socket.Listen(spec.MaxConnections);
                File.Move(temporary, spec.Path, overwrite: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            return new(spec, socket);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CalicoException(Problem.Refused, $"listener '{spec.Name}': {spec.Path} cannot be bound: {e.Message}", spec.Name, e);
        }
    }

    /// <summary>A duplicate that its taker disposes.</summary>
    public Socket Duplicate() => UnixSockets.Duplicate(_socket);

    /// <summary>Stops listening and removes the file, if it is still this socket's.</summary>
    public void Dispose()
    {
        _socket.Dispose();
        File.Delete(Spec.Path);
    }

    private static void RefuseServed(ListenerSpec spec)
    {
        if (!File.Exists(spec.Path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(spec.Path));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable)
        {
            return;
        }

        throw new CalicoException(Problem.AlreadyExists,
            $"listener '{spec.Name}': another process serves {spec.Path}; stop it, or set another path", spec.Name);
    }
}
