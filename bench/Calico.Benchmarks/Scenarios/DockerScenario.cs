using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Calico.TestKit.Hosts;

namespace Calico.Benchmarks.Scenarios;

/// <summary>Docker's commands against the bridge driver in turn, the driver's own calls with the store there and away, and what the host
/// needs for many containers.</summary>
/// <remarks>The store is an etcd beside the host, so that it can be away.</remarks>
public static class DockerScenario
{
    private const int AtOnce = 20;
    private const int CallsPerRun = 20;

    /// <summary>What dockerd, its shim and a sleeping process need for a container.</summary>
    private const int MebibytesEach = 25;

    /// <param name="table">Gets the lines.</param>
    /// <param name="runs">Of each command.</param>
    /// <param name="containers">With which memory is measured; fewer where the machine has not enough.</param>
    public static async Task RunAsync(ResultTable table, int runs, int containers)
    {
        if (!File.Exists("/usr/sbin/dockerd"))
        {
            Console.WriteLine("  docker: dockerd is not installed");
            return;
        }

        FabricEtcd? etcd = null;
        await using var docker = await DockerHost.StartAsync(async host =>
        {
            host.Settings["CALICO_LOG_LEVEL"] = "info";
            etcd = await FabricEtcd.StartForAsync(host);
        });
        await using var store = etcd!;
        await docker.DockerAsync("network create plain");
        await docker.CreateNetworkAsync("blue", "--subnet 10.81.0.0/24");
        await CompareAsync(table, docker, runs);
        await CallsAsync(table, docker, runs, "the store there");
        await store.SwallowAsync();
        await CallsAsync(table, docker, runs, "the store away");
        await store.RestoreAsync();
        await MemoryAsync(table, docker, containers);
    }

    private static async Task CompareAsync(ResultTable table, DockerHost docker, int runs)
    {
        foreach (var (what, most, command) in ((string, double, Func<string, string>)[])
        [
            ("docker run --rm", 1.5, network => Run(network)),
            ($"docker run --rm, {AtOnce} at once", 1.5, network => $"for n in $(seq {AtOnce}); do {Run(network)} & done; wait"),
        ])
        {
            var (ours, bridge) = (new List<double>(), new List<double>());
            // The first round warms.
            for (var i = -1; i < runs; i++)
            {
                foreach (var (network, series) in new[] { ("blue", ours), ("plain", bridge) })
                {
                    var took = await TimeAsync(docker, command(network));
                    if (i >= 0)
                    {
                        series.Add(took);
                    }
                }
            }

            table.AddRatio($"{what}, against the bridge driver", new Series(ours).P50, new Series(bridge).P50, "ms", most);
        }

        await docker.DockerAsync($"run -d --name idle --network none {BusyboxImage.Name} /bin/sleep 100000");
        for (var n = 0; n < AtOnce; n++)
        {
            await docker.DockerAsync($"create --name t{n} {BusyboxImage.Name} /bin/sleep 100000");
        }

        await docker.DockerAsync($"start {string.Join(' ', Enumerable.Range(0, AtOnce).Select(n => $"t{n}"))}");
        foreach (var (what, one) in new[] { ("", "t0"), ($", {AtOnce} at once", $"$(seq -f t%.0f 0 {AtOnce - 1})") })
        {
            var (ours, bridge) = (new List<double>(), new List<double>());
            for (var i = -1; i < runs; i++)
            {
                foreach (var (network, series) in new[] { ("blue", ours), ("plain", bridge) })
                {
                    var verbs = ((string[])["connect", "disconnect"])
                        .Select(verb => $"for c in {one}; do {Client} network {verb} {network} $c & done; wait");
                    var took = await TimeAsync(docker, string.Join("; ", verbs));
                    if (i >= 0)
                    {
                        series.Add(took);
                    }
                }
            }

            table.AddRatio($"docker network connect, disconnect{what}, against the bridge driver", new Series(ours).P50,
                new Series(bridge).P50, "ms", 1.5);
        }

        await RemoveAllAsync(docker);
    }

    /// <summary>As dockerd makes them, over its sockets.</summary>
    private static async Task CallsAsync(ResultTable table, DockerHost docker, int runs, string store)
    {
        using var network = Socket(docker, "calico.sock");
        using var ipam = Socket(docker, "calico-ipam.sock");
        var id = await docker.DockerAsync("network inspect blue --format '{{.Id}}'");
        var pool = (string)(await CallAsync(ipam, "IpamDriver.RequestPool",
            """{"AddressSpace":"CalicoLocalAddressSpace","Pool":"10.81.0.0/24","SubPool":"","Options":{},"V6":false}"""))["PoolID"]!;
        var times = new List<double>();
        for (var n = -1; n < runs * CallsPerRun; n++)
        {
            var endpoint = $"{Guid.NewGuid():N}{Guid.NewGuid():N}";
            var name = $$"""{"NetworkID":"{{id}}","EndpointID":"{{endpoint}}"}""";
            var asked = $$"""{"PoolID":"{{pool}}","Address":"","Options":null}""";
            var address = (string)(await CallAsync(ipam, "IpamDriver.RequestAddress", asked))["Address"]!;
            var made = $$"""
                {"NetworkID":"{{id}}","EndpointID":"{{endpoint}}","Options":{},
                 "Interface":{"Address":"{{address}}","AddressIPv6":"","MacAddress":""} }
                """;
            var joined = $$"""
                {"NetworkID":"{{id}}","EndpointID":"{{endpoint}}","SandboxKey":"/var/run/docker/netns/{{endpoint}}","Options":{} }
                """;
            var clock = Stopwatch.StartNew();
            await CallAsync(network, "NetworkDriver.CreateEndpoint", made);
            await CallAsync(network, "NetworkDriver.Join", joined);
            if (n >= 0)
            {
                times.Add(clock.Elapsed.TotalMilliseconds);
            }

            await CallAsync(network, "NetworkDriver.Leave", name);
            await CallAsync(network, "NetworkDriver.DeleteEndpoint", name);
            await CallAsync(ipam, "IpamDriver.ReleaseAddress", $$"""{"PoolID":"{{pool}}","Address":"{{address.Split('/')[0]}}"}""");
        }

        var series = new Series(times);
        table.Add($"docker: CreateEndpoint + Join, {store}, p50", $"{series.P50:0.0} ms", $"{series.Count} of them", double.NaN,
            "≤ 100 ms", series.P50 <= 100);
        table.Add($"docker: CreateEndpoint + Join, {store}, p99", $"{series.P99:0.0} ms", "", double.NaN, "≤ 200 ms", series.P99 <= 200);
    }

    private static async Task MemoryAsync(ResultTable table, DockerHost docker, int containers)
    {
        var count = (int)Math.Min(containers, Mebibytes(File.ReadAllText("/proc/meminfo"), "MemAvailable:") / 2 / MebibytesEach);
        var before = await ResidentAsync(docker);
        for (var first = 0; first < count; first += AtOnce)
        {
            var run = $"{Client} run -d --network blue {BusyboxImage.Name} /bin/sleep 100000 >/dev/null";
            await docker.Host.ShellAsync(
                $"for n in $(seq {Math.Min(AtOnce, count - first)}); do {run} & done; wait", limit: TimeSpan.FromMinutes(2));
        }

        var resident = await ResidentAsync(docker);
        table.Add($"host: resident memory with {count} containers of Docker", $"{resident:0} MiB", $"without: {before:0} MiB",
            resident / before,
            "≤ 0.1 MiB a container", resident - before <= count * 0.1);
        await RemoveAllAsync(docker);
    }

    /// <summary>A number of a file of /proc, in MiB.</summary>
    private static double Mebibytes(string text, string name) => long.Parse(
        text.Split('\n').Single(l => l.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) / 1024.0;

    private const string Client = "docker -H unix:///run/docker.sock";

    private static string Run(string network) => $"{Client} run --rm --network {network} {BusyboxImage.Name} /bin/true";

    private static Task<string> RemoveAllAsync(DockerHost docker) =>
        docker.Host.ShellAsync($"{Client} ps -aq | xargs -r -n 10 -P 4 {Client} rm -f >/dev/null", limit: TimeSpan.FromMinutes(5));

    private static async Task<double> TimeAsync(DockerHost docker, string command)
    {
        var clock = Stopwatch.StartNew();
        await docker.Host.ShellAsync(command, limit: TimeSpan.FromMinutes(2));
        return clock.Elapsed.TotalMilliseconds;
    }

    private static async Task<double> ResidentAsync(DockerHost docker)
    {
        var program = $"{docker.Host.Programs}/host/calico-host";
        return Mebibytes(
            await docker.Host.ShellAsync($"for p in /proc/[0-9]*; do [ \"$(readlink $p/exe)\" != {program} ] || cat $p/status; done"),
            "VmRSS:");
    }

    private static HttpClient Socket(DockerHost docker, string name) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, ct) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(docker.Host.Folder, "root/run/docker/plugins", name)), ct);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    private static async Task<JsonNode> CallAsync(HttpClient client, string call, string body)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        using var answer = await client.PostAsync(new Uri($"http://plugin/{call}"), content);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new InvalidOperationException($"{call}: {text}");
    }
}
