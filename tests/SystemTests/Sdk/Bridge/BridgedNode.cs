using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;
using Calico.TestKit.Workloads;
using Microsoft.Win32.SafeHandles;

namespace Calico.SystemTests.Sdk.Bridge;

/// <summary>A real host in another process under the conformance suite: kernel, etcd and kill -9 are real, and the contracts are called by
/// an adapter that was installed as a package.</summary>
/// <remarks>One host serves many tests; what a test leaves is taken away by the same contracts.</remarks>
internal sealed partial class BridgedNode(TestHost host, FabricEtcd etcd) : ConformanceNode
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // The group of those that the reaper takes in a moment (docs/design/dataplane.md): "cali", as a number.
    private static readonly string Leaving = 0x63616c69.ToString(CultureInfo.InvariantCulture);
    private static int _namespaces;
    private readonly List<string> _made = [];
    private bool _isStoreDead;

    public override IWorkloadNetwork Network { get; } = BridgeClient.To<IWorkloadNetwork>(Socket(host));

    public override IWorkloadDataplane Dataplane { get; } = BridgeClient.To<IWorkloadDataplane>(Socket(host));

    public override IIpam Ipam { get; } = BridgeClient.To<IIpam>(Socket(host));

    public override IProfiles Profiles { get; } = BridgeClient.To<IProfiles>(Socket(host));

    public override string Pool => host.Settings["CALICO_IPV4POOL_CIDR"];

    /// <summary>Returns when the adapter serves.</summary>
    public Task ServedAsync() => UntilAsync("the adapter answers", async () =>
    {
        try
        {
            await Ipam.ListPoolsAsync(CancellationToken.None);
            return true;
        }
        catch (Exception e) when (e is SocketException or IOException or CalicoException { Problem: Problem.Unavailable })
        {
            return false;
        }
    });

    public override NetworkNamespace CreateNamespace()
    {
        var name = $"n{Interlocked.Increment(ref _namespaces)}";
        host.ShellAsync($"ip netns add {name}").GetAwaiter().GetResult();
        lock (_made)
        {
            _made.Add(name);
        }

        // The adapter opens it by its path, in the host's view of the file system.
        return new(new SafeFileHandle(-1, ownsHandle: false), 0, $"/run/netns/{name}");
    }

    public override async Task DestroyNamespaceAsync(NetworkNamespace networkNamespace)
    {
        var name = Path.GetFileName(networkNamespace.ToString());
        var inside = int.Parse(await host.ShellAsync($"ip -n {name} -o link show type veth | wc -l"), CultureInfo.InvariantCulture);
        var left = (await ListLinksAsync()).Length - inside;
        await host.ShellAsync($"ip netns del {name}");
        await UntilAsync("the kernel takes the links", async () => (await ListLinksAsync()).Length == left);
    }

    public override async Task<ImmutableArray<string>> ListLinksAsync() =>
        [.. Links().Matches(await host.ShellAsync("ip -o link show type veth"))
            .Where(link => link.Groups[2].Value != Leaving).Select(link => link.Groups[1].Value)];

    public override async Task CrashAsync()
    {
        await host.KillCalicoAsync();
        await StartAgainAsync();
    }

    /// <summary>The host is killed as it makes the call's record safe on disk; the kernel is asked afterwards.</summary>
    public override async Task CrashInsideAsync(Func<Task> call)
    {
        var pid = (await host.ShellAsync("pgrep -x calico-host")).Trim();
        var tracing = host.RunAsync(["strace", "-f", "-qq", "-o", "/run/strace", "-p", pid,
            "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:signal=SIGKILL"]);
        await UntilAsync("every thread is traced", async () =>
            (await host.RunAsync(["bash", "-c", $"! grep -h '^TracerPid:.0$' /proc/{pid}/task/*/status"])).ExitCode == 0);
        try
        {
            await call();
            throw new InvalidOperationException($"the call was answered; strace: {(await tracing).Error}");
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await tracing;
        }

        await host.KillCalicoAsync();
        await StartAgainAsync();
    }

    public override async Task LoseLinkAsync(string hostInterface) => await host.ShellAsync($"ip link del {hostInterface}");

    public override Task KillStoreAsync()
    {
        _isStoreDead = true;
        return etcd.SwallowAsync();
    }

    public override async Task ReviveStoreAsync()
    {
        await etcd.RestoreAsync();
        _isStoreDead = false;
        await ReplayedAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        if (_isStoreDead)
        {
            await ReviveStoreAsync();
        }

        foreach (var left in await Network.ListAsync(null, CancellationToken.None))
        {
            await Dataplane.RemoveAsync(left.Id, null, CancellationToken.None);
        }

        foreach (var lease in await Ipam.ListAsync(null, CancellationToken.None))
        {
            await Ipam.ReleaseAsync(lease, CancellationToken.None);
        }

        await host.ShellAsync(string.Join('\n', _made.Select(name => $"ip netns del {name} 2>/dev/null || true")));
    }

    private static string Socket(TestHost host) => Path.Combine(host.Folder, "root", "run", "calico", "bridge.sock");

    private async Task StartAgainAsync()
    {
        await host.StartCalicoAsync(waitReady: false);
        await ServedAsync();
    }

    private Task ReplayedAsync() => UntilAsync("what was journalled is replayed", async () =>
        (await host.ShellAsync("exec 3<>/dev/tcp/127.0.0.1/9091; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"))
            .Contains("\ncalico_outbox_entries 0\n", StringComparison.Ordinal));

    private static async Task UntilAsync(string what, Func<Task<bool>> condition)
    {
        for (var clock = Stopwatch.StartNew(); !await condition(); await Task.Delay(20))
        {
            Assert.That(clock.Elapsed, Is.LessThan(Patience), $"waited in vain until {what}");
        }
    }

    [GeneratedRegex(@"^\d+: (cali[^@:]+).* group (\S+)", RegexOptions.Multiline)]
    private static partial Regex Links();
}
