using System.CommandLine;
using System.CommandLine.Invocation;
using Calico.Cli.Commands;
using Calico.Cli.Commands.Ipam;

namespace Calico.Cli;

/// <summary>The command line: which commands there are, and how errors leave.</summary>
public static class CliApplication
{
    /// <summary>Runs one command line.</summary>
    /// <returns>The exit code: 0, or 1 for every error.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CliEnvironment environment, CancellationToken ct)
    {
        try
        {
            var result = CreateRoot(environment).Parse(arguments);
            if (result.Action is ParseErrorAction complaint)
            {
                // A page of help would push what is wrong off the screen.
                complaint.ShowHelp = false;
            }

            return await result.InvokeAsync(new()
            {
                Output = environment.Output,
                Error = environment.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }, ct);
        }
        catch (CliException e)
        {
            await (e.ToOutput ? environment.Output : environment.Error).WriteLineAsync(e.Message);
            return 1;
        }
        catch (CalicoException e)
        {
            await environment.Error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return 1;
        }
    }

    private static RootCommand CreateRoot(CliEnvironment environment)
    {
        var logLevel = new Option<string>("--log-level", "-l")
        {
            Description = "panic, fatal, error, warn, info or debug.",
            DefaultValueFactory = _ => "panic",
            Recursive = true,
        };
        logLevel.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is var level and not ("panic" or "fatal" or "error" or "warn" or "info" or "debug"))
            {
                result.AddError($"unknown log level: {level}, expected one of: panic, fatal, error, warn, info, debug");
            }
        });
        return new("Reads and changes Calico's resources, and looks into a running Calico.")
        {
            logLevel,
            new Option<string?>("--context") { Description = "Taken and ignored: no Kubernetes datastore.", Recursive = true },
            new Option<bool>("--allow-version-mismatch") { Description = "Taken and ignored: a mismatch only warns.", Recursive = true },
            CreateCommand.Create(environment),
            ApplyCommand.Create(environment),
            ReplaceCommand.Create(environment),
            DeleteCommand.Create(environment),
            GetCommand.Create(environment),
            PatchCommand.Create(environment),
            LabelCommand.Create(environment),
            ValidateCommand.Create(environment),
            IpamCommand.Create(environment),
            StatusCommand.Create(environment),
            VersionCommand.Create(environment),
            CompletionCommand.Create(environment),
            CompletionCommand.CreateNames(environment),
        };
    }
}
