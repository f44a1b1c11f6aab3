using System.CommandLine;
using System.Runtime.InteropServices;
using Calico.Host.Settings;
using Calico.Host.Stages;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Calico.Host.Commands;

/// <summary><c>calico-host [run]</c>.</summary>
internal static partial class HostCommands
{
    private static Command CreateRun()
    {
        var config = Valued("--config", "FILE", "File of settings; the environment is before it [default: /etc/calico/calico.cfg].");
        return Make("run", "Runs the host until SIGTERM; its rules stay in the kernel. Also where no command is given.",
            result => RunHostAsync(result.GetValue(config)), config);
    }

    private static async Task<int> RunHostAsync(string? file)
    {
        var reader = Reader(file);
        var settings = HostSettings.Read(reader);
        using var loggers = LoggerFactory.Create(builder => builder
            .SetMinimumLevel(LogLevels.Parse(settings.LogLevel))
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("Grpc", LogLevel.Warning)
            .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace)
            .AddSimpleConsole(format =>
            {
                format.SingleLine = true;
                format.UseUtcTimestamp = true;
                format.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                format.ColorBehavior = LoggerColorBehavior.Disabled;
            })
            .AddLevels(settings.LogLevels));
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
}
