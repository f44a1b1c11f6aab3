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

    /// <summary>A loopback address, for etcdctl. Anything else is refused: there is no authentication.</summary>
    public IPEndPoint? Loopback { get; init; }

    /// <summary>Connections at a time; more are closed at once.</summary>
    public int MaxConnections { get; init; } = 256;
}
