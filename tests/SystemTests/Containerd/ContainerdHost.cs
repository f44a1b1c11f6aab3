using System.Net.Sockets;
using Calico.SystemTests.Containerd.Cri;
using Calico.TestKit.Hosts;
using Grpc.Core;
using Grpc.Net.Client;

namespace Calico.SystemTests.Containerd;

/// <summary>A test host with calico-host and a containerd of its own, spoken to over CRI.</summary>
public sealed class ContainerdHost : IAsyncDisposable
{
    private readonly string _socket;
    private GrpcChannel? _channel;

    private ContainerdHost(TestHost host, string cgroup)
    {
        (Host, Cgroup) = (host, cgroup);
        // The host's /run, seen from outside.
        _socket = Path.Combine(host.Folder, "root", "run", "containerd", "containerd.sock");
    }

    public TestHost Host { get; }

    public string Cgroup { get; }

    public RuntimeService.RuntimeServiceClient Cri { get; private set; } = null!;

    public static async Task<ContainerdHost> StartAsync()
    {
        var host = await TestHost.StartAsync(21);
        try
        {
            await host.StartCalicoAsync();
            return await OnAsync(host, "k8s-pod-network");
        }
        catch (Exception e)
        {
            var tail = await host.TailAsync();
            await host.DisposeAsync();
            throw new InvalidOperationException($"{e.Message}\ncalico-host said:\n{tail}", e);
        }
    }

    /// <summary>containerd on a host whose calico-host runs, or is about to.</summary>
    /// <param name="host">Where.</param>
    /// <param name="network">Of its pods.</param>
    /// <param name="pool">Where their addresses come from; empty: any.</param>
    public static async Task<ContainerdHost> OnAsync(TestHost host, string network, string pool = "")
    {
        await host.ShellAsync($"{host.Programs}/host/calico-host cni install --shim {host.Programs}/bin/calico-shim "
            + $"--bin-dir /opt/cni/bin --conf-dir /etc/cni/net.d --network {network} {(pool.Length > 0 ? $"--pool {pool}" : "")}");
        await host.ShellAsync("cp /usr/lib/cni/loopback /usr/lib/cni/portmap /opt/cni/bin/");
        await host.ShellAsync("cat > /etc/containers/containerd.toml", $"""
            version = 2
            [plugins."io.containerd.grpc.v1.cri"]
              sandbox_image = "{BusyboxImage.Pause}"
              restrict_oom_score_adj = true
              stream_server_address = "127.0.0.1"
              [plugins."io.containerd.grpc.v1.cri".cni]
                bin_dir = "/opt/cni/bin"
                conf_dir = "/etc/cni/net.d"
              [plugins."io.containerd.grpc.v1.cri".containerd]
                snapshotter = "native"
            """);
        var containerd = new ContainerdHost(host, (await host.ShellAsync("hostname")).Trim());
        await containerd.StartDaemonAsync();
        var image = Path.Combine(host.Folder, "box.tar");
        BusyboxImage.Write(image);
        await host.ShellAsync($"ctr -n k8s.io images import {image}; ctr images import {image}");
        return containerd;
    }

    public async Task StartDaemonAsync()
    {
        await Host.ShellAsync(
            "setsid containerd -c /etc/containers/containerd.toml >>/run/containerd.log 2>&1 </dev/null & echo $! >/run/containerd.pid; "
                + "for i in $(seq 100); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.05; done; tail -n "
                + "5 /run/containerd.log >&2; exit 1");
        _channel?.Dispose();
        _channel = GrpcChannel.ForAddress("http://containerd", new()
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, ct) =>
                {
                    var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await client.ConnectAsync(new UnixDomainSocketEndPoint(_socket), ct);
                    return new NetworkStream(client, ownsSocket: true);
                },
            },
        });
        Cri = new(_channel);
        for (var i = 0; i < 100; i++)
        {
            if (await IsReadyAsync())
            {
                return;
            }

            await Task.Delay(50);
        }

        throw new InvalidOperationException("containerd does not become ready");
    }

    /// <summary>Its CRI plugin starts after the socket, and reads the CNI configuration a moment later.</summary>
    private async Task<bool> IsReadyAsync()
    {
        try
        {
            return (await Cri.StatusAsync(new())).Status.Conditions.All(c => c.Status);
        }
        catch (RpcException e) when (e.Status.Detail.Contains("server is not initialized yet", StringComparison.Ordinal))
        {
            return false;
        }
    }

    public Task StopDaemonAsync() => Host.ShellAsync(
        "pid=$(cat /run/containerd.pid); kill $pid; for i in $(seq 100); do kill -0 $pid 2>/dev/null || exit 0; sleep 0.05; done; exit 1");

    public PodSandboxConfig Pod(string name) => new()
    {
        Metadata = new() { Name = name, Namespace = "default", Uid = $"uid-{name}" },
        Hostname = name,
        LogDirectory = "/run",
        Linux = new() { CgroupParent = $"/{Cgroup}" },
    };

    /// <summary>Runs a pod; returns its sandbox id and address.</summary>
    public async Task<(string Id, string Address)> RunPodAsync(string name)
    {
        var id = (await Cri.RunPodSandboxAsync(new() { Config = Pod(name) })).PodSandboxId;
        var status = await Cri.PodSandboxStatusAsync(new() { PodSandboxId = id });
        return (id, status.Status.Network.Ip);
    }

    public async Task RemovePodAsync(string id)
    {
        await Cri.StopPodSandboxAsync(new() { PodSandboxId = id });
        await Cri.RemovePodSandboxAsync(new() { PodSandboxId = id });
    }

    /// <summary>Runs a command in a new container of a pod.</summary>
    public async Task<(int Code, string Output)> ExecAsync(string pod, string name, params string[] command)
    {
        var container = (await Cri.CreateContainerAsync(new()
        {
            PodSandboxId = pod,
            SandboxConfig = Pod(name),
            Config = new() { Metadata = new() { Name = "main" }, Image = new() { Image = BusyboxImage.Name },
                Command = { "/bin/sleep", "1000" }, LogPath = $"{name}.log" },
        })).ContainerId;
        await Cri.StartContainerAsync(new() { ContainerId = container });
        var answer = await Cri.ExecSyncAsync(new() { ContainerId = container, Cmd = { command }, Timeout = 5 });
        return (answer.ExitCode, answer.Stdout.ToStringUtf8() + answer.Stderr.ToStringUtf8());
    }

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        await Host.DisposeAsync();
    }
}
