using System.Globalization;
using Calico.Linux.Namespaces;
using Calico.TestKit.Hosts;

namespace Calico.Benchmarks.Policy;

/// <summary>A network namespace that plays a host, and those of two workloads behind it where packets are wanted.</summary>
public sealed class BenchHost : IDisposable
{
    public const string ClientLink = "calia7c3f2e91d0";
    public const string ServerLink = "cali71e0b4d2c85";
    public const string ClientAddress = "10.65.0.2";
    public const string ServerAddress = "10.65.0.3";

    private readonly List<NetworkNamespaceFile> _workloads = [];

    public NamespaceBroker Broker { get; } = new();

    public NetworkNamespaceFile Host { get; }

    public BenchHost() => Host = Broker.Create();

    /// <summary>Of the client's namespace, for a program that enters it.</summary>
    public string ClientPath => PathOf(_workloads[0]);

    public string ServerPath => PathOf(_workloads[1]);

    /// <summary>Two workloads with a pair each; neighbours are written down.</summary>
    public async Task WireAsync()
    {
        await ShellAsync("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0; "
            + "ip link set lo up");
        foreach (var (link, address, number) in ((string, string, int)[])[(ClientLink, ClientAddress, 2), (ServerLink, ServerAddress, 3)])
        {
            var workload = Broker.Create();
            _workloads.Add(workload);
            await ShellAsync($"ip link add {link} address 02:00:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:0{number} "
                + $"netns {PathOf(workload)}; ip link set {link} up; ip route add {address} dev {link}; "
                + $"ip neighbour add {address} lladdr 02:00:00:00:00:0{number} dev {link} nud permanent");
            await ShellAsync($"ip link set lo up; ip link set eth0 up; ip address add {address}/32 dev eth0; "
                + "ip neighbour add 169.254.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent; "
                + "ip route add default via 169.254.1.1 dev eth0 onlink", workload);
        }
    }

    /// <summary>Runs a program in the host.</summary>
    public async Task<CommandResult> RunAsync(params string[] command) =>
        (await CommandResult.RunAsync(["nsenter", $"--net={PathOf(Host)}", .. command], limit: TimeSpan.FromMinutes(5))).OrThrow();

    /// <summary>Runs a shell line in the host, or in another namespace.</summary>
    public async Task ShellAsync(string line, NetworkNamespaceFile? where = null) =>
        (await CommandResult.RunAsync(["nsenter", $"--net={PathOf(where ?? Host)}", "sh", "-ec", line])).OrThrow();

    /// <summary>How long a program takes that reads a text, exec to exit, ms.</summary>
    public async Task<double> LoadAsync(string text, params string[] program)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, text);
            return (await RunAsync([.. program, file])).Elapsed.TotalMilliseconds;
        }
        finally
        {
            File.Delete(file);
        }
    }

    public void Dispose()
    {
        _workloads.ForEach(w => w.Dispose());
        Host.Dispose();
        Broker.Dispose();
    }

    private static string PathOf(NetworkNamespaceFile file) =>
        string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{file.Descriptor.DangerousGetHandle()}");
}
