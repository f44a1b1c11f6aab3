using System.Globalization;
using System.Runtime.InteropServices;
using Calico.Host.Stages;
using Calico.Datastore.Settings;
using Calico.Host.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Calico.Host.Commands;

/// <summary>The command line of <c>calico-host</c>.</summary>
internal static class HostCommands
{
    private const string Usage = """
        calico-host: gives this machine's workloads their network

        usage:
          calico-host [run] [--config FILE]          runs the host until SIGTERM; its rules stay in the kernel
          calico-host install [options]              lays programs, adapters and a systemd unit down
          calico-host uninstall [options]            takes away what was installed, and what of it is in the kernel
          calico-host cni install [options]          lays the CNI binary and a network's conflist down
          calico-host cni list [options]             networks of this machine, and whose they are
          calico-host cni uninstall [NETWORK] [options]
          calico-host plugin install SOURCE          installs an adapter: a package (.nupkg) or a published folder
          calico-host plugin list
          calico-host plugin remove NAME [VERSION]
          calico-host --version | --help

        --dry-run, on what installs or removes: checks everything, says what would be done, and leaves nothing behind.

        cni install:
          --network NAME     name of the network (calico)
          --pool NAME|CIDR   IP pool to use; may be given several times; none: any pool that fits
          --mtu BYTES        MTU of workload interfaces; none: the node's
          --shim FILE        the binary to install (/usr/lib/calico/bin/calico-shim)
          --bin-dir DIR      where runtimes look for it (/opt/cni/bin)
          --conf-dir DIR     where they look for networks (/etc/cni/net.d)
          --no-portmap       leave the portmap plugin out of the chain, and published ports closed
        cni list, cni uninstall: --bin-dir, --conf-dir as above.

        --force, on what installs or removes: others' and edited files too; on uninstall also although workloads are connected.
        --purge, on uninstall: the data in /var/lib/calico too.

        Exit codes: 0 done; 1 something has to be mended, the line says what; 75 try again later.

        Settings: environment (also with CALICO_ before the name), then the configuration file, then the default.
        """;

    /// <summary>Every command; a new one is a line here.</summary>
    public static IReadOnlyList<HostCommand> All { get; } =
    [
        new("run", [], ["--config"], [], RunHostAsync),
        new("version", [], [], [], _ => Say($"calico-host {ThisVersion.Text}")),
        new("help", [], [], [], _ => Help()),
        new("install", ["--dry-run", "--force"], [], [], words => Do(() => HostInstall.Here(Settings()).Run(Ledger(), words.Has("--force"), words.Has("--dry-run")))),
        new("uninstall", ["--dry-run", "--force", "--purge"], ["--bin-dir", "--conf-dir"], [], words => Do(() => new HostUninstall(Settings(), new KernelLeftovers(), Networks(words))
            .Run(words.Has("--force"), words.Has("--purge"), words.Has("--dry-run")))),
        new("cni list", [], ["--bin-dir", "--conf-dir"], [], words => Do(Networks(words).List)),
        new("cni uninstall", ["--dry-run", "--force"], ["--bin-dir", "--conf-dir"], ["[NETWORK]"],
            words => Do(() => Networks(words).Uninstall(words.NameAt(0), words.Has("--force"), words.Has("--dry-run")))),
        new("cni install", ["--no-portmap", "--dry-run", "--force"], ["--network", "--pool", "--mtu", "--shim", "--bin-dir", "--conf-dir"], [], InstallCniAsync),
        new("plugin install", ["--dry-run"], [], ["SOURCE"], words => Plugin(p => p.Install(words.NameAt(0)!, words.Has("--dry-run")))),
        new("plugin list", [], [], [], _ => Plugin(p => p.List())),
        new("plugin remove", ["--dry-run"], [], ["NAME", "[VERSION]"], words => Plugin(p => p.Remove(words.NameAt(0)!, words.NameAt(1), words.Has("--dry-run")))),
    ];

    /// <summary>Runs one command line.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: nothing has been done.</exception>
    public static Task<int> RunAsync(string[] args)
    {
        switch (args)
        {
            case ["--version", ..]:
                args = ["version", .. args[1..]];
                break;
            case ["--help" or "-h", ..]:
                args = ["help", .. args[1..]];
                break;
            case [] or [['-', ..], ..]:
                args = ["run", .. args];
                break;
        }

        var typed = string.Join(' ', args) + " ";
        var command = All.FirstOrDefault(known => typed.StartsWith(known.Path + " ", StringComparison.Ordinal));
        if (command is null)
        {
            return (args is [_] or [_, "--help" or "-h"]) && All.Any(known => known.Path.StartsWith(args[0] + " ", StringComparison.Ordinal))
                ? Say(Usage)
                : throw new CalicoException(Problem.Invalid, $"there is no command '{string.Join(' ', args)}'; calico-host --help lists them");
        }

        var words = CommandArguments.Parse(command, args[command.Path.Split(' ').Length..]);
        return words.WantsHelp ? Say(Usage) : command.Run(words);
    }

    private static async Task<int> RunHostAsync(CommandArguments words)
    {
        var reader = Reader(words.ValueOf("--config"));
        var settings = HostSettings.Read(reader);
        using var loggers = LoggerFactory.Create(builder => builder
            .SetMinimumLevel(settings.LogLevel switch
            {
                "debug" => LogLevel.Debug,
                "warning" => LogLevel.Warning,
                "error" => LogLevel.Error,
                _ => LogLevel.Information,
            })
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("Grpc", LogLevel.Warning)
            .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace)
            .AddSimpleConsole(format =>
            {
                format.SingleLine = true;
                format.UseUtcTimestamp = true;
                format.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                format.ColorBehavior = LoggerColorBehavior.Disabled;
            }));
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var starting = new CancellationTokenSource();
        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            starting.Cancel();
            stop.TrySetResult();
        }

        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        await using var host = new HostRuntime(settings, reader, loggers);
        try
        {
            await host.StartAsync(starting.Token);
        }
        catch (OperationCanceledException) when (starting.IsCancellationRequested)
        {
            return 0;
        }

        await stop.Task;
        return 0;
    }

    private static Task<int> InstallCniAsync(CommandArguments words)
    {
        var install = new CniInstall
        {
            Ledger = Ledger(), Pools = words.ValuesOf("--pool"), PortMap = !words.Has("--no-portmap"), Force = words.Has("--force"), DryRun = words.Has("--dry-run"),
        };
        install = install with
        {
            Network = words.ValueOf("--network") ?? install.Network,
            Mtu = words.ValueOf("--mtu") is not { } text ? install.Mtu
                : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var mtu) && mtu is >= 68 and <= 65535 ? mtu
                : throw new CalicoException(Problem.Invalid, "--mtu is a number from 68 to 65535", "--mtu"),
            Shim = words.ValueOf("--shim") ?? install.Shim,
            BinDirectory = words.ValueOf("--bin-dir") ?? install.BinDirectory,
            ConfDirectory = words.ValueOf("--conf-dir") ?? install.ConfDirectory,
        };
        return Do(install.Run);
    }

    private static Task<int> Do(Func<IReadOnlyList<string>> work)
    {
        try
        {
            foreach (var line in work())
            {
                Console.WriteLine(line);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Refused, $"the files cannot be written or removed: {e.Message}", null, e);
        }

        return Task.FromResult(0);
    }

    private static HostSettings Settings() => HostSettings.Read(Reader(null));

    private static InstallLedger Ledger() => InstallLedger.Open(Path.Combine(Settings().DataDirectory, "installed.json"));

    private static CniNetworks Networks(CommandArguments words) =>
        new(words.ValueOf("--bin-dir") ?? CniInstall.DefaultBinDirectory, words.ValueOf("--conf-dir") ?? CniInstall.DefaultConfDirectory, Ledger());

    private static Task<int> Plugin(Action<PluginCommands> action)
    {
        action(new(Settings().PluginDirectory, Console.Out));
        return Task.FromResult(0);
    }

    private static SettingsReader Reader(string? file) =>
        new(Environment.GetEnvironmentVariable, SettingsFile.Read(file ?? SettingsFile.DefaultPath, mustExist: file is not null));

    private static Task<int> Help()
    {
        Console.WriteLine(Usage);
        foreach (var (setting, preset) in HostSettings.Describe())
        {
            Console.WriteLine($"  {setting.Environment,-30} {setting.Path,-26} default '{preset}'");
            Console.WriteLine($"  {"",-30} {setting.Text}{(setting.Choices.Length > 0 ? $" One of {setting.Choices.Replace("|", ", ", StringComparison.Ordinal)}." : "")}");
        }

        return Task.FromResult(0);
    }

    private static Task<int> Say(string text)
    {
        Console.WriteLine(text);
        return Task.FromResult(0);
    }
}
