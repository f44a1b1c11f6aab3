using System.Net.Sockets;
using System.Runtime.Versioning;

namespace Calico.TestKit.Workloads;

/// <summary>Really bound unix sockets, under a folder of the test's.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class FakeListeners : IListeners, IDisposable
{
    private readonly Dictionary<string, Socket> _bound = [];

    /// <returns>The socket's path.</returns>
    public string Bind(ListenerSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(spec.Path));
        File.SetUnixFileMode(spec.Path, spec.Mode);
        socket.Listen(spec.MaxConnections);
        _bound.Add(spec.Name, socket);
        return spec.Path;
    }

    /// <summary>The bound socket itself: one taker.</summary>
    public Socket Take(string name) => _bound.Remove(name, out var socket)
        ? socket
        : throw new CalicoException(Problem.NotFound, $"no listener {name}");

    public void Dispose()
    {
        foreach (var socket in _bound.Values)
        {
            socket.Dispose();
        }
    }
}
