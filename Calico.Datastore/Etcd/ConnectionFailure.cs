using System.Net.Sockets;

namespace Calico.Datastore.Etcd;

/// <summary>Why there is no connection, in words for people.</summary>
public static class ConnectionFailure
{
    /// <summary>The kernel's own words, without the host that the runtime puts after them (for a unix socket one that does not exist); a
    /// resolver's code says something else than it means.</summary>
    public static string Describe(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.TryAgain or SocketError.HostNotFound or SocketError.NoData => "the name cannot be resolved",
        // Also what the runtime makes of ENOENT for a unix socket.
        SocketError.AddressNotAvailable => "there is no such socket or address",
        _ => error.Message.Split(" (")[0],
    };
}
