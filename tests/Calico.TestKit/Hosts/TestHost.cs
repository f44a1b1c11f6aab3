using System.Diagnostics;

namespace Calico.TestKit.Hosts;

/// <summary>A "host" in namespaces of its own (<c>samples/test-host/test-host.sh</c>), with a calico-host that can be started, stopped
/// and killed in it.</summary>
public sealed class TestHost : IAsyncDisposable
{
    private static readonly string Script = Path.Combine(Repository.Root, "samples", "test-host", "test-host.sh");

    private CalicoProcess? _calico;
    private StreamWriter? _log;

    private TestHost(string folder, string programs) => (Folder, Programs) = (folder, programs);

    /// <summary>The host's folder, seen from outside and inside alike.</summary>
    public string Folder { get; }

    /// <summary>The network namespace in which its uplink ends, unless it shares one.</summary>
    public string Fabric => File.ReadAllText(Path.Combine(Folder, "fabric")).Trim();

    /// <summary>The built programs.</summary>
    public string Programs { get; }

    /// <summary>Settings of the calico-host started next.</summary>
    public Dictionary<string, string> Settings { get; } = new()
    {
        ["NODENAME"] = "node1",
        ["CALICO_IPV4POOL_CIDR"] = "10.65.0.0/16",
        ["CALICO_LOG_LEVEL"] = "debug",
    };

    /// <summary>What calico-host wrote.</summary>
    public string HostLog => Path.Combine(Folder, "calico-host.log");

    public int? CalicoPid => _calico?.Id;

    /// <summary>Why tests that need a host cannot run here, or null.</summary>
    public static string? WhyNot =>
        Environment.UserName != "root" ? "test hosts need root"
        : Repository.Programs is null ? "the programs are not published: ./build.sh publish"
        : null;

    /// <summary>Makes a host.</summary>
    /// <param name="number">Last byte of its underlay address 198.51.100.x.</param>
    /// <param name="fabric">A bridge namespace that several hosts share, or null.</param>
    public static async Task<TestHost> StartAsync(int number = 11, string? fabric = null)
    {
        // Not under /tmp: overlayfs of containers does not stack on every tmpfs.
        var folder = Path.Combine("/var/tmp", $"calico-test-{Environment.ProcessId}-{Guid.NewGuid():N}"[..40]);
        var host = new TestHost(folder, Repository.Programs ?? throw new InvalidOperationException(WhyNot));
        var environment = fabric is null ? null : new Dictionary<string, string> { ["TEST_HOST_FABRIC"] = fabric };
        (await CommandResult.RunAsync(["bash", Script, "up", folder, $"{number}"], environment: environment)).OrThrow();
        return host;
    }

    /// <summary>Runs a command inside.</summary>
    public Task<CommandResult> RunAsync(IReadOnlyList<string> command, string? input = null, TimeSpan? limit = null,
        IReadOnlyDictionary<string, string>? environment = null) =>
        CommandResult.RunAsync(Inside(command), input, environment, limit);

    /// <summary>Runs a shell line inside and throws when it fails.</summary>
    public async Task<string> ShellAsync(string line, string? input = null, TimeSpan? limit = null) =>
        (await RunAsync(["bash", "-ec", line], input, limit)).OrThrow().Output;

    /// <summary>Runs calicoctl inside.</summary>
    public Task<CommandResult> CalicoctlAsync(string arguments, string? input = null) =>
        RunAsync(["bash", "-c", $"calicoctl {arguments}"], input);

    /// <summary>Starts calico-host and waits until it answers that it is ready.</summary>
    public async Task StartCalicoAsync(bool waitReady = true)
    {
        var command = Inside(["env", .. Settings.Select(s => $"{s.Key}={s.Value}"), Path.Combine(Programs, "host", "calico-host")]);
        _log ??= new StreamWriter(HostLog, append: true) { AutoFlush = true };
        _calico = CalicoProcess.Start(this, command, _log);
        if (waitReady)
        {
            await WaitReadyAsync();
        }
    }

    /// <summary>Waits until the host is ready.</summary>
    public async Task WaitReadyAsync()
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var answer = await RunAsync(["bash", "-c", "calicoctl status --wait 10s"]);
            if (answer.ExitCode == 0)
            {
                return;
            }

            // Half a second on a quiet machine. The test is not of its speed, and thirty were passed with twenty builds beside it.
            if (clock.Elapsed > TimeSpan.FromSeconds(90) || _calico is null or { HasExited: true })
            {
                throw new InvalidOperationException($"calico-host is not ready: {answer.Error}{answer.Output}\n{await TailAsync()}");
            }
        }
    }

    /// <summary>Sends a signal to calico-host: STOP holds it, CONT lets it go on.</summary>
    public Task SignalCalicoAsync(string signal) =>
        (_calico ?? throw new InvalidOperationException("calico-host was not started")).SignalAsync(signal);

    /// <summary>Ends calico-host at once, as a crash would.</summary>
    public Task KillCalicoAsync() => EndAsync("KILL");

    /// <summary>Asks calico-host to stop and waits.</summary>
    public Task StopCalicoAsync() => EndAsync("TERM");

    /// <summary>The end of the host's log, for messages.</summary>
    public async Task<string> TailAsync(int lines = 40) =>
        File.Exists(HostLog) ? (await CommandResult.RunAsync(["tail", "-n", $"{lines}", HostLog])).Output : "(no log)";

    public async ValueTask DisposeAsync()
    {
        (await CommandResult.RunAsync(["bash", Script, "down", Folder])).OrThrow();
        if (_calico is not null)
        {
            await _calico.DiscardAsync();
            _calico = null;
        }

        if (_log is not null)
        {
            await _log.DisposeAsync();
        }
    }

    private async Task EndAsync(string signal)
    {
        if (_calico is { } calico)
        {
            await calico.SignalAsync(signal);
            _calico = null;
            await calico.EndedAsync($"SIG{signal}");
        }
    }

    private List<string> Inside(IEnumerable<string> command)
    {
        var dotnet = Environment.GetEnvironmentVariable("DOTNET_ROOT");
        return
        [
            "bash", Script, "exec", Folder, "env",
            $"PATH={Programs}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            $"CALICO_PLUGIN_DIR={Programs}/plugins", "CONTAINERS_CONF=/etc/containers/test.conf", .. dotnet is null ? []
                : (string[])[$"DOTNET_ROOT={dotnet}"],
            .. command,
        ];
    }
}
