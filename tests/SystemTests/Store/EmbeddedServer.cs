using System.Net;
using Calico.Datastore.Etcd;
using Calico.EmbeddedStore;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.SystemTests.Store;

/// <summary>An embedded store served on a unix socket and on loopback TCP.</summary>
internal sealed class EmbeddedServer : IAsyncDisposable
{
    private EtcdApiServer _server = null!;

    public string Folder { get; } = Directory.CreateTempSubdirectory("calico-store-").FullName;

    public EmbeddedEngine Engine { get; private set; } = null!;

    public string SocketPath => Path.Combine(Folder, "store.sock");

    public string UnixEndpoint => $"unix://{SocketPath}";

    public string TcpEndpoint { get; private set; } = "";

    public static async Task<EmbeddedServer> StartAsync()
    {
        var server = new EmbeddedServer();
        await server.StartAgainAsync(0);
        return server;
    }

    public async Task StartAgainAsync(int port)
    {
        var options = new EmbeddedStoreOptions { Path = Path.Combine(Folder, "calico.db"), MachineId = "machine-a", NodeName = "node-a" };
        Engine = await EmbeddedEngine.OpenAsync(options, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        _server = await EtcdApiServer.StartAsync(Engine,
            new EtcdApiOptions { SocketPath = SocketPath, Loopback = new IPEndPoint(IPAddress.Loopback, port) },
            NullLoggerFactory.Instance, CancellationToken.None);
        TcpEndpoint = $"http://{_server.Loopback}";
    }

    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await Engine.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(Folder, recursive: true);
    }

    public static EtcdStore Connect(params string[] endpoints) =>
        new(new EtcdOptions { Endpoints = [.. endpoints] }, TimeProvider.System, NullLogger.Instance);
}
