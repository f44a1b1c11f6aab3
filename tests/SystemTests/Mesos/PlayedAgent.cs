using System.Net.Sockets;
using System.Text.Json.Nodes;
using Calico.Plugins.Mesos.V1;
using Calico.TestKit.Hosts;
using Grpc.Net.Client;

namespace Calico.SystemTests.Mesos;

/// <summary>A Mesos agent: its isolator module over gRPC, net-modules' module with <c>calico_mesos</c>, and the <c>network/cni</c>
/// isolator as <c>cni_as.py</c> plays it.</summary>
public sealed class PlayedAgent(TestHost host) : IDisposable
{
    /// <summary>A network of the agent's <c>--network_cni_config_dir</c>.</summary>
    public const string CniConf = """{"cniVersion":"0.2.0","name":"mesos-cni","type":"calico","ipam":{"type":"calico-ipam"}}""";

    private readonly GrpcChannel _channel = GrpcChannel.ForAddress("http://mesos", new()
    {
        HttpHandler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, ct) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(host.Folder, "root/run/calico/mesos.sock")), ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        },
    });

    public Isolator.IsolatorClient Isolator => field ??= new(_channel);

    public static ContainerID Id(string value) => new() { Value = value };

    /// <summary>prepare and isolate.</summary>
    /// <returns>The first address.</returns>
    public async Task<string> LaunchAsync(PlayedTask task, params NetworkInfo[] networks)
    {
        await Isolator.PrepareAsync(new() { ContainerId = Id(task.Id), NetworkInfos = { networks } });
        var isolated = await Isolator.IsolateAsync(new() { ContainerId = Id(task.Id), Pid = (uint)task.Pid });
        return isolated.Status.NetworkInfos[0].IpAddresses[0].IpAddress;
    }

    public async Task CleanupAsync(string id) => await Isolator.CleanupAsync(new() { ContainerId = Id(id) });

    /// <summary>One run of <c>calico_mesos</c>.</summary>
    public async Task<JsonObject> NetModulesAsync(string input, bool mayFail = false)
    {
        var result = await host.RunAsync(["/opt/cni/bin/calico_mesos"], input);
        var reply = JsonNode.Parse(result.Output)!.AsObject();
        Assert.That(result.ExitCode, Is.EqualTo(reply["error"] is null ? 0 : 1));
        return mayFail || reply["error"] is null ? reply
            : throw new InvalidOperationException($"{input}: {result.Output}\n{await host.TailAsync(20)}");
    }

    /// <summary>net-modules' prepare and isolate.</summary>
    public async Task<string> LaunchByNetModulesAsync(PlayedTask task, params string[] netgroups)
    {
        var groups = new JsonArray([.. netgroups.Select(g => JsonValue.Create(g))]).ToJsonString();
        var allocated = await NetModulesAsync($$$"""
            {"command":"allocate","args":{"hostname":"h","num_ipv4":1,"num_ipv6":0,"uid":"{{{Guid.NewGuid()}}}","netgroups":{{{groups}}}}}
            """);
        var address = (string)allocated["ipv4"]![0]!;
        await NetModulesAsync($$$"""
            {"command":"isolate","args":{"hostname":"h","container_id":"{{{task.Id}}}","pid":{{{task.Pid}}},"ipv4_addrs":["{{{address}}}"],
            "ipv6_addrs":[],"netgroups":{{{groups}}},"labels":[{"key":"role","value":"{{{task.Id}}}"}]}}
            """);
        return address;
    }

    /// <summary>net-modules' cleanup: the address first.</summary>
    public async Task CleanupByNetModulesAsync(string id, string address)
    {
        await NetModulesAsync($$$"""{"command":"release","args":{"ips":["{{{address}}}"]}}""");
        await NetModulesAsync($$$"""{"command":"cleanup","args":{"hostname":"h","container_id":"{{{id}}}"}}""");
    }

    /// <summary>The agent's own CNI isolator: attach.</summary>
    public async Task<string> LaunchByCniAsync(PlayedTask task, string networkInfo = "{}")
    {
        var attached = (await CniAsync("add", task, networkInfo)).OrThrow();
        return (string)JsonNode.Parse(attached.Output)!["ip_addresses"]![0]!["ip_address"]!;
    }

    public async Task CleanupByCniAsync(PlayedTask task) => (await CniAsync("del", task, "{}")).OrThrow();

    public void Dispose() => _channel.Dispose();

    private Task<CommandResult> CniAsync(string verb, PlayedTask task, string networkInfo) => host.RunAsync(
        ["python3", MesosScene.CniAs!, "mesos", verb, "/etc/calico/mesos-cni.conf", "/opt/cni/bin", task.Id,
            $"/proc/{task.Pid}/ns/net", "--info", networkInfo,
            "--root", "/run/mesos/isolators/network/cni"]);
}
