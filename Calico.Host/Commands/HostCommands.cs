using System.Runtime.InteropServices;
using Calico.Host.Lifecycle;
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
          calico-host cni install [options]          lays the CNI binary and a network's conflist down
          calico-host plugin install SOURCE          installs an adapter: a package (.nupkg) or a published folder
          calico-host plugin list
          calico-host plugin remove NAME [VERSION]
          calico-host --version | --help

        cni install:
          --network NAME     name of the network (calico)
          --pool NAME|CIDR   IP pool to use; may be given several times; none: any pool that fits
          --mtu BYTES        MTU of workload interfaces; none: the node's
          --shim FILE        the binary to install (/usr/lib/calico/bin/calico-shim)
          --bin-dir DIR      where runtimes look for it (/opt/cni/bin)
          --conf-dir DIR     where they look for networks (/etc/cni/net.d)
          --no-portmap       leave the portmap plugin out of the chain

        Exit codes: 0 done; 1 something has to be mended, the line says what; 75 try again later.

        Settings: environment (also with CALICO_ before the name), then the configuration file, then the default.
        """;

    public static Task<int> RunAsync(string[] args) => args switch
    {
        [] or ["run", ..] or ["--config", ..] => RunHostAsync(args),
        ["--version"] or ["version"] => Say($"calico-host {ThisVersion.Text}"),
        ["--help"] or ["-h"] or ["help"] or ["run", "--help"] => Help(),
        ["cni", "install", .. var rest] => Task.FromResult(InstallCni(rest)),
        ["plugin", "install", var source] => Plugin(p => p.Install(source)),
        ["plugin", "list"] => Plugin(p => p.List()),
        ["plugin", "remove", var name] => Plugin(p => p.Remove(name, null)),
        ["plugin", "remove", var name, var version] => Plugin(p => p.Remove(name, version)),
        _ => throw new CalicoException(Problem.Invalid, $"there is no command '{string.Join(' ', args)}'; calico-host --help lists them"),
    };

    private static async Task<int> RunHostAsync(string[] args)
    {
        var reader = Reader(args);
        var settings = reader.ReadHost();
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

    private static int InstallCni(string[] options)
    {
        var pools = new List<string>();
        var install = new CniInstall { Pools = pools };
        for (var i = 0; i < options.Length; i++)
        {
            var option = options[i];
            string Value() => ++i < options.Length ? options[i] : throw new CalicoException(Problem.Invalid, $"{option} needs a value", option);
            switch (option)
            {
                case "--network": install = install with { Network = Value() }; break;
                case "--pool": pools.Add(Value()); break;
                case "--mtu":
                    install = install with { Mtu = int.TryParse(Value(), out var mtu) && mtu is >= 68 and <= 65535 ? mtu : throw new CalicoException(Problem.Invalid, "--mtu is a number from 68 to 65535", "--mtu") };
                    break;
                case "--shim": install = install with { Shim = Value() }; break;
                case "--bin-dir": install = install with { BinDirectory = Value() }; break;
                case "--conf-dir": install = install with { ConfDirectory = Value() }; break;
                case "--no-portmap": install = install with { PortMap = false }; break;
                case "--help": Console.WriteLine(Usage); return 0;
                default: throw new CalicoException(Problem.Invalid, $"cni install has no option '{option}'; calico-host --help lists them", option);
            }
        }

        foreach (var line in install.Run())
        {
            Console.WriteLine(line);
        }

        return 0;
    }

    private static Task<int> Plugin(Action<PluginCommands> action)
    {
        action(new(Reader([]).ReadHost().PluginDirectory, Console.Out));
        return Task.FromResult(0);
    }

    private static SettingsReader Reader(string[] args)
    {
        var at = Array.IndexOf(args, "--config");
        if (at >= 0 && at + 1 >= args.Length)
        {
            throw new CalicoException(Problem.Invalid, "--config needs a file", "--config");
        }

        return new(Environment.GetEnvironmentVariable, SettingsReader.ReadFile(at >= 0 ? args[at + 1] : SettingsReader.DefaultFile, mustExist: at >= 0));
    }

    private static Task<int> Help()
    {
        Console.WriteLine(Usage);
        var defaults = new HostSettings();
        foreach (var (property, setting) in SettingsReader.Describe())
        {
            Console.WriteLine($"  {setting.Environment,-30} {setting.Path,-26} default '{property.GetValue(defaults)}'");
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
