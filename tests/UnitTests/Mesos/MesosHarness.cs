using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Calico.Plugins.Mesos.V1;
using Calico.Shim.Wire;
using Calico.TestKit.Workloads;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>The adapter over a fake node, on real sockets in a folder of its own; an agent over gRPC, and one with net-modules.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class MesosHarness : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-mesos-");
    private readonly TimeProvider _time;
    private readonly ConformanceNode? _host;
    private FakeListeners _listeners = new();
    private FakeLifetime _lifetime = new();
    private ServiceProvider? _services;
    private BackgroundService[] _servers = [];
    private GrpcChannel? _channel;

    /// <param name="time">Null: the system's.</param>
    /// <param name="host">The host's own parts instead of the fake node's; null: those.</param>
    public MesosHarness(TimeProvider? time = null, ConformanceNode? host = null)
    {
        (_time, _host) = (time ?? TimeProvider.System, host);
        Node = new FakeNode("mesos", time);
        Settings = new()
        {
            Socket = Path.Combine(_folder.FullName, "mesos.sock"),
            NetModulesSocket = Path.Combine(_folder.FullName, "net-modules.sock"),
        };
    }

    public FakeNode Node { get; }

    public MesosSettings Settings { get; }

    public FakeLifetime Lifetime => _lifetime;

    public Isolator.IsolatorClient Isolator { get; private set; } = null!;

    public GrpcChannel Channel => _channel!;

    /// <summary>A process that lives: this one.</summary>
    public static uint Pid => (uint)Environment.ProcessId;

    public T Get<T>() where T : notnull => _services!.GetRequiredService<T>();

    public static async Task<MesosHarness> StartAsync(TimeProvider? time = null, Action<MesosSettings>? configure = null)
    {
        var harness = new MesosHarness(time);
        configure?.Invoke(harness.Settings);
        await harness.StartAsync();
        return harness;
    }

    public static async Task<MesosHarness> StartOverAsync(ConformanceNode host)
    {
        var harness = new MesosHarness(host: host);
        await harness.StartAsync();
        return harness;
    }

    public async Task StartAsync()
    {
        foreach (var (name, path) in new[] { (IsolatorServer.ListenerName, Settings.Socket), (NetModulesServer.ListenerName,
            Settings.NetModulesSocket) })
        {
            File.Delete(path);
            _listeners.Bind(new(name, path, UnixFileMode.UserRead | UnixFileMode.UserWrite, 1024));
        }

        var services = new ServiceCollection()
            .AddSingleton(_time)
            .AddSingleton<IListeners>(_listeners)
            .AddSingleton<IPluginLifetime>(_lifetime)
            .AddSingleton<ICallTimings>(new FakeTimings())
            .AddSingleton<IHostStatus>(Node.Status)
            .AddSingleton<INetworkNamespaces>(Node.Namespaces)
            .AddSingleton(_host?.Network ?? Node.Network)
            .AddSingleton(_host?.Dataplane ?? Node.Dataplane)
            .AddSingleton(_host?.Ipam ?? Node.Ipam)
            .AddSingleton(_host?.Profiles ?? Node.Profiles)
            .AddSingleton(Node.State)
            .AddSingleton(typeof(ILogger<>), typeof(ToldErrors<>));
        MesosPlugin.AddMesos(services, Settings);
        services.AddSingleton(new HostAddresses(_time, () => Machine));
        _services = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true });
        _servers = [.. _services.GetServices<IHostedService>().OfType<BackgroundService>()
            .Where(s => s is IsolatorServer or NetModulesServer)];
        foreach (var server in _servers)
        {
            await server.StartAsync(CancellationToken.None);
        }

        // The unix socket listens already; a port does when the server says so.
        for (var left = 600; !IsUp("isolator") || Settings.TlsPort > 0 && !IsUp("isolator port"); left--)
        {
            Assert.That(left, Is.Positive, "the server did not come up");
            await Task.Delay(50);
        }

        _channel = GrpcChannel.ForAddress("http://mesos", new() { HttpHandler = new SocketsHttpHandler { ConnectCallback =
            ConnectAsync } });
        Isolator = new(_channel);
    }

    /// <summary>What the machine is reached by.</summary>
    public System.Collections.Immutable.ImmutableArray<IPNetwork> Machine { get; set; } = [IPNetwork.Parse("192.0.2.7/32")];

    /// <summary>The host's process ends and another begins, over the same disk and kernel.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        Node.Crash();
        (_listeners, _lifetime) = (new(), new());
        await StartAsync();
    }

    /// <summary>One <c>calico_mesos</c>, as the binary calls.</summary>
    public Task<(int ExitCode, string Output)> NetModulesAsync(string input, params string[] words) =>
        NetModulesAsync(input, isRepeat: false, words);

    /// <summary>Likewise; whether it was sent before, and the connection broke.</summary>
    public async Task<(int ExitCode, string Output)> NetModulesAsync(string input, bool isRepeat, params string[] words)
    {
        var arguments = words.Select((w, i) => KeyValuePair.Create($"{i}", w)).ToList();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Settings.NetModulesSocket));
        var request = new ShimRequest(ShimRole.Mesos, false, arguments, Encoding.UTF8.GetBytes(input));
        await socket.SendAsync((isRepeat ? request.Repeated() : request).ToFrame());
        var reply = ShimReply.Read(await ReadFrameAsync(socket));
        return (reply.ExitCode, Encoding.UTF8.GetString(reply.Output.Span));
    }

    /// <summary>A call that has to be refused.</summary>
    public static async Task<RpcException> RefusedAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (RpcException e)
        {
            return e;
        }

        throw new AssertionException("the call was done");
    }

    public static ContainerID Id(string path)
    {
        ContainerID? id = null;
        foreach (var value in path.Split('.'))
        {
            id = new() { Value = value, Parent = id };
        }

        return id!;
    }

    public async Task<PrepareResponse> PrepareAsync(string id, params NetworkInfo[] networks) =>
        await Isolator.PrepareAsync(new() { ContainerId = Id(id), NetworkInfos = { networks } });

    public async Task<ContainerStatus> IsolateAsync(string id) => (await Isolator.IsolateAsync(new() { ContainerId = Id(id), Pid = Pid }))
        .Status;

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Delete(recursive: true);
    }

    private bool IsUp(string check) => _lifetime.Reports.ContainsKey(check);

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Settings.Socket), ct);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static async Task<byte[]> ReadFrameAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var stream = new NetworkStream(socket);
        var header = new byte[Frame.HeaderLength];
        await stream.ReadExactlyAsync(header, limit.Token);
        var payload = new byte[Frame.ReadHeader(header).PayloadLength];
        await stream.ReadExactlyAsync(payload, limit.Token);
        return payload;
    }

    private async Task StopAsync()
    {
        _lifetime.Drain();
        foreach (var server in _servers)
        {
            await server.ExecuteTask!.WaitAsync(TimeSpan.FromSeconds(30));
        }

        _channel?.Dispose();
        if (_services is not null)
        {
            await _services.DisposeAsync();
        }

        _listeners.Dispose();
        _lifetime.Dispose();
    }

    /// <summary>What nobody expected, where the test's reader sees it.</summary>
    private sealed class ToldErrors<T> : ILogger<T>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
            string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                TestContext.Progress.WriteLine($"{formatter(state, exception)} {exception}");
            }
        }
    }
}
