using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Calico.Plugins.Cni;
using Calico.Shim.Wire;
using Calico.TestKit.Workloads;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>The adapter over a fake node, on a real socket in a folder of its own; and a client that speaks the shim's side.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class CniHarness : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("calico-cni-");
    private readonly ServiceProvider _services;
    private readonly FakeListeners _listeners = new();
    private CniServer? _server;
    private bool _isBound;

    public CniHarness(TimeProvider? time = null)
    {
        Node = new FakeNode("cni", time);
        Settings = new CniSettings
        {
            Socket = Path.Combine(_folder.FullName, "cni.sock"),
            SpoolDir = Path.Combine(_folder.FullName, "spool"),
            MtuFile = Path.Combine(_folder.FullName, "mtu"),
        };
        var services = new ServiceCollection()
            .AddSingleton(time ?? TimeProvider.System)
            .AddSingleton<IListeners>(_listeners)
            .AddSingleton<IPluginLifetime>(Lifetime)
            .AddSingleton<ICallTimings>(Timings)
            .AddSingleton<IHostStatus>(Node.Status)
            .AddSingleton<INetworkNamespaces>(Node.Namespaces)
            .AddSingleton(Node.Network)
            .AddSingleton(Node.Dataplane)
            .AddSingleton(Node.Ipam)
            .AddSingleton(Node.Profiles)
            .AddSingleton(Node.State)
            .AddSingleton(typeof(ILogger<>), typeof(NullLogger<>));
        CniPlugin.AddCni(services, Settings);
        _services = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true });
    }

    public FakeNode Node { get; }

    public FakeLifetime Lifetime { get; } = new();

    public FakeTimings Timings { get; } = new();

    public CniSettings Settings { get; }

    /// <summary>Answers for the delegates that the host asks for.</summary>
    public Func<DelegateRequest, DelegateOutcome> Delegate { get; set; } =
        request => new DelegateOutcome(DelegateOutcome.NotRun, Encoding.UTF8.GetBytes($"failed to find plugin \"{request.Type}\""));

    public List<DelegateRequest> DelegatesRun { get; } = [];

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    /// <summary>What the host does before the adapter runs: from now on calls wait in the backlog.</summary>
    public void Bind()
    {
        if (!_isBound)
        {
            _listeners.Bind(new ListenerSpec(CniServer.ListenerName, Settings.Socket, UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }

        _isBound = true;
    }

    public async Task StartAsync()
    {
        Bind();
        _server = (CniServer)_services.GetRequiredService<IEnumerable<IHostedService>>().Single();
        await _server.StartAsync(CancellationToken.None);
    }

    public async Task StopAsync()
    {
        Lifetime.Drain();
        await _server!.ExecuteTask!;
    }

    /// <summary>One call, as the shim makes it.</summary>
    public async Task<ShimReply> CallAsync(ShimRole role, IEnumerable<KeyValuePair<string, string>> environment, string input,
        bool withDescriptor = false)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Settings.Socket));
        var frame = new ShimRequest(role, withDescriptor, [.. environment], Encoding.UTF8.GetBytes(input)).ToFrame();
        if (withDescriptor)
        {
            SendWithDescriptor(socket, frame);
        }
        else
        {
            await socket.SendAsync(frame);
        }

        while (true)
        {
            var (kind, payload) = await ReceiveAsync(socket);
            if (kind == FrameKind.Reply)
            {
                return ShimReply.Read(payload);
            }

            var request = DelegateRequest.Read(payload);
            DelegatesRun.Add(request);
            try
            {
                await socket.SendAsync(Delegate(request).ToFrame());
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.Shutdown)
            {
                // As the shim: a host that gave up has closed its end, and its answer is still to be read.
                continue;
            }
        }
    }

    /// <summary>A call whose caller does not wait for the answer: dispose the result and it has gone.</summary>
    public async Task<IDisposable> SendAsync(string verb, string input, string containerId = "c1", ShimRole role = ShimRole.Network)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Settings.Socket));
        await socket.SendAsync(new ShimRequest(role, false, Variables(verb, containerId, "eth0", "/run/netns/n1", ""),
            Encoding.UTF8.GetBytes(input)).ToFrame());
        return socket;
    }

    public Task<ShimReply> CallAsync(string verb, string input, string containerId = "c1", string interfaceName = "eth0",
        string netns = "/run/netns/n1",
        string args = "", ShimRole role = ShimRole.Network) =>
        CallAsync(role, Variables(verb, containerId, interfaceName, netns, args), input);

    public static KeyValuePair<string, string>[] Variables(string verb, string containerId, string interfaceName, string netns,
        string args) =>
    [
        new("CNI_COMMAND", verb), new("CNI_CONTAINERID", containerId), new("CNI_IFNAME", interfaceName), new("CNI_NETNS", netns),
        new("CNI_ARGS", args), new("CNI_PATH", "/opt/cni/bin"),
    ];

    public async ValueTask DisposeAsync()
    {
        Lifetime.Drain();
        if (_server?.ExecuteTask is { } running)
        {
            await running.WaitAsync(TimeSpan.FromSeconds(30));
        }

        _listeners.Dispose();
        await _services.DisposeAsync();
        Lifetime.Dispose();
        _folder.Delete(recursive: true);
    }

    private static async Task<(FrameKind Kind, byte[] Payload)> ReceiveAsync(Socket socket)
    {
        var header = new byte[Frame.HeaderLength];
        await FillAsync(socket, header);
        var (kind, length) = Frame.ReadHeader(header);
        var payload = new byte[length];
        await FillAsync(socket, payload);
        return (kind, payload);
    }

    private static async Task FillAsync(Socket socket, Memory<byte> rest)
    {
        while (!rest.IsEmpty)
        {
            var read = await socket.ReceiveAsync(rest);
            if (read == 0)
            {
                throw new EndOfStreamException("the server closed the connection");
            }

            rest = rest[read..];
        }
    }

    /// <summary>Sends the frame with a descriptor of this process's own namespace: what it is does not matter to the fake.</summary>
    private static void SendWithDescriptor(Socket socket, ReadOnlyMemory<byte> frame)
    {
        using var file = File.OpenHandle("/proc/self/ns/net");
        var bytes = GCHandle.Alloc(frame.ToArray(), GCHandleType.Pinned);
        var vector = Marshal.AllocHGlobal(16);
        var control = Marshal.AllocHGlobal(24);
        var message = Marshal.AllocHGlobal(56);
        try
        {
            Marshal.WriteIntPtr(vector, 0, bytes.AddrOfPinnedObject());
            Marshal.WriteInt64(vector, 8, frame.Length);
            Marshal.WriteInt64(control, 0, 20);
            Marshal.WriteInt32(control, 8, 1);
            Marshal.WriteInt32(control, 12, 1);
            Marshal.WriteInt32(control, 16, (int)file.DangerousGetHandle());
            for (var i = 0; i < 56; i += 8)
            {
                Marshal.WriteInt64(message, i, 0);
            }

            Marshal.WriteIntPtr(message, 16, vector);
            Marshal.WriteInt64(message, 24, 1);
            Marshal.WriteIntPtr(message, 32, control);
            Marshal.WriteInt64(message, 40, 24);
            Assert.That(SendMessage((int)socket.Handle, message, 0), Is.EqualTo((nint)frame.Length));
        }
        finally
        {
            bytes.Free();
            Marshal.FreeHGlobal(vector);
            Marshal.FreeHGlobal(control);
            Marshal.FreeHGlobal(message);
        }
    }

    [DllImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static extern nint SendMessage(int socket, nint message, int flags);
}
