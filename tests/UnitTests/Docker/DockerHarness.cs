using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json.Nodes;
using Calico.Host.Health;
using Calico.Plugins.Docker;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Serving;
using Calico.TestKit.Workloads;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.UnitTests.Docker;

/// <summary>The adapter over a fake node, on real sockets in a folder of its own; and a client that speaks as dockerd does.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class DockerHarness : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-docker-");
    private readonly TimeProvider _time;
    private readonly ConformanceNode? _host;
    private FakeListeners _listeners = new();
    private FakeLifetime _lifetime = new();
    private ServiceProvider? _services;
    private PluginServer? _server;

    /// <param name="time">Null: the system's.</param>
    /// <param name="host">The host's own parts instead of the fake node's; null: those.</param>
    public DockerHarness(TimeProvider? time = null, ConformanceNode? host = null)
    {
        (_time, _host) = (time ?? TimeProvider.System, host);
        Node = new FakeNode("docker", time);
        Settings = new()
        {
            NetworkSocket = Path.Combine(_folder.FullName, "calico.sock"),
            IpamSocket = Path.Combine(_folder.FullName, "calico-ipam.sock"),
        };
    }

    public FakeNode Node { get; }

    public FakeDaemon Daemon { get; } = new();

    public DockerSettings Settings { get; }

    public FakeLifetime Lifetime => _lifetime;

    public T Get<T>() where T : notnull => _services!.GetRequiredService<T>();

    /// <summary>A harness that serves.</summary>
    public static async Task<DockerHarness> StartAsync(TimeProvider? time = null)
    {
        var harness = new DockerHarness(time);
        await harness.StartAsync();
        return harness;
    }

    public async Task StartAsync()
    {
        foreach (var (name, path) in new[] { (PluginServer.Network, Settings.NetworkSocket), (PluginServer.Ipam, Settings.IpamSocket) })
        {
            File.Delete(path);
            _listeners.Bind(new(name, path, UnixFileMode.UserRead | UnixFileMode.UserWrite, 1024));
        }

        var services = new ServiceCollection()
            .AddSingleton(_time)
            .AddSingleton<IListeners>(_listeners)
            .AddSingleton<IPluginLifetime>(_lifetime)
            .AddSingleton<ICallTimings>(new FakeTimings())
            .AddSingleton<IMeterFactory>(_ => new HostMeters(NullLogger<HostMeters>.Instance))
            .AddSingleton<IHostStatus>(Node.Status)
            .AddSingleton(_host?.Network ?? Node.Network)
            .AddSingleton(_host?.Dataplane ?? Node.Dataplane)
            .AddSingleton(_host?.Ipam ?? Node.Ipam)
            .AddSingleton(_host?.Profiles ?? Node.Profiles)
            .AddSingleton(Node.State)
            .AddSingleton(typeof(ILogger<>), typeof(NullLogger<>));
        DockerPlugin.AddDocker(services, Settings);
        services.AddSingleton<IDockerDaemon>(Daemon);
        _services = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true });
        _server = (PluginServer)_services.GetServices<IHostedService>().First(s => s is PluginServer);
        await _server.StartAsync(CancellationToken.None);
    }

    /// <summary>The host's process ends and another begins, over the same disk and kernel.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        Node.Crash();
        (_listeners, _lifetime) = (new(), new());
        await StartAsync();
    }

    /// <summary>A call as dockerd makes it: no content type, no host.</summary>
    /// <returns>The status and the answer.</returns>
    public async Task<(int Status, JsonObject Body)> SendAsync(string call, string body, bool isIpam = false)
    {
        using var client = Client(isIpam);
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        using var answer = await client.PostAsync(new Uri($"http://plugin/{call}"), content);
        return ((int)answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!.AsObject());
    }

    /// <summary>A call that has to be done.</summary>
    public async Task<JsonObject> CallAsync(string call, string body, bool isIpam = false)
    {
        var (status, answer) = await SendAsync(call, body, isIpam);
        return status == 200 ? answer : throw new InvalidOperationException($"{call} {body}: {status} {answer["Err"]}");
    }

    /// <summary>A call that has to be refused.</summary>
    /// <returns>What dockerd shows to its user.</returns>
    public async Task<string> RefusedAsync(string call, string body, bool isIpam = false)
    {
        var (status, answer) = await SendAsync(call, body, isIpam);
        return status != 200
            ? (string)answer["Err"]!
            : throw new InvalidOperationException($"{call} {body} was done: {answer.ToJsonString()}");
    }

    public HttpClient Client(bool isIpam = false) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, ct) => new NetworkStream(await ConnectAsync(isIpam, ct), ownsSocket: true),
    });

    public async Task<Socket> ConnectAsync(bool isIpam = false, CancellationToken ct = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(isIpam ? Settings.IpamSocket : Settings.NetworkSocket), ct);
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Delete(recursive: true);
    }

    private async Task StopAsync()
    {
        _lifetime.Drain();
        if (_server?.ExecuteTask is { } running)
        {
            await running.WaitAsync(TimeSpan.FromSeconds(30));
        }

        if (_services is not null)
        {
            await _services.DisposeAsync();
        }

        _listeners.Dispose();
        _lifetime.Dispose();
    }
}
