using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Calico.SystemTests.Store;

/// <summary>A real etcd on free loopback ports, with its data in a temporary folder.</summary>
internal sealed class EtcdProcess : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("calico-etcd-").FullName;
    private readonly string[] _arguments;
    private Process? _process;

    private EtcdProcess(string scheme, string[] extra)
    {
        var (client, peer) = (FreePort(), FreePort());
        Endpoint = $"{scheme}://127.0.0.1:{client}";
        _arguments = [$"--data-dir={_folder}/data", "--name=test", $"--listen-client-urls={Endpoint}",
            $"--advertise-client-urls={Endpoint}",
            $"--listen-peer-urls=http://127.0.0.1:{peer}", $"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            $"--initial-cluster=test=http://127.0.0.1:{peer}", "--log-level=error", .. extra];
    }

    public string Endpoint { get; }

    public int Id => _process!.Id;

    public static Task<EtcdProcess> StartAsync() => StartAsync("http", []);

    public static Task<EtcdProcess> StartTlsAsync(params string[] extra) => StartAsync("https", extra);

    private static async Task<EtcdProcess> StartAsync(string scheme, string[] extra)
    {
        var etcd = new EtcdProcess(scheme, extra);
        await etcd.StartAgainAsync();
        return etcd;
    }

    public async Task StartAgainAsync()
    {
        _process = Process.Start(new ProcessStartInfo("etcd", _arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _ = _process.StandardError.ReadToEndAsync();
        _ = _process.StandardOutput.ReadToEndAsync();
        var port = new Uri(Endpoint).Port;
        for (var left = 200; ; left--)
        {
            try
            {
                using var probe = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await probe.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (left > 0 && !_process.HasExited)
            {
                await Task.Delay(50);
            }
        }
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
