using System.Net;
using System.Net.Sockets;

namespace Calico.EmbeddedStore;

/// <summary>Where the etcd API listens. At least one of the three.</summary>
public sealed record EtcdApiOptions
{
    public const string DefaultSocketPath = "/run/calico/store.sock";

    /// <summary>A unix socket that the server makes (mode 0600; a file left by a dead process is replaced).</summary>
    public string? SocketPath { get; init; }

    /// <summary>A socket that somebody bound already; the server listens on it and closes it.</summary>
    public Socket? BoundSocket { get; init; }

    /// <summary>A loopback address, for etcdctl. Anything else is refused. Only root and the process's own user are served: the kernel
    /// is asked who holds the other end of each connection.</summary>
    public IPEndPoint? Loopback { get; init; }

    /// <summary>Connections at a time; more are closed at once.</summary>
    public int MaxConnections { get; init; } = 256;
}
