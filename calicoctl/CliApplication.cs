using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Calico.Cli.Commands;
using Calico.Cli.Commands.Client;
using Calico.Cli.Commands.Ipam;
using Calico.Cli.Commands.Node;
using Calico.Cli.Commands.Policy;
using Calico.Cli.Commands.Resources;
using Calico.Cli.Input;
using Calico.Datastore.Output;
using Calico.Datastore.Yaml;

namespace Calico.Cli;

/// <summary>The command line: which commands there are, and how errors leave.</summary>
public static class CliApplication
{
    // A name that begins with '@' is a name, not a file of further arguments.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    /// <summary>Runs one command line.</summary>
    /// <returns>The exit code: 0, or 1 for every error.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CliEnvironment environment, CancellationToken ct)
    {
        var output = new EscapingWriter(environment.Output);
        environment = environment with { Output = output, Error = new EscapingWriter(environment.Error, flushedFirst: output) };
        try
        {
            var result = CreateRoot(environment).Parse(arguments, Parsing);
            // Help and completion run whatever else is written: they do nothing.
            var isCommand = result.Action is null or ParseErrorAction || result.Action == result.CommandResult.Command.Action;
            if (isCommand && UsageCheck.Faults(result) is { IsEmpty: false } faults)
            {
                throw new CliException(string.Join('\n', faults));
            }

            return await result.InvokeAsync(new()
            {
                Output = environment.Output,
                Error = environment.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }, ct);
        }
        catch (Exception e) when (e is CliException or CalicoException or YamlFaultException)
        {
            await environment.Error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return 1;
        }
        finally
        {
            await output.FlushAsync();
        }
    }

    /// <summary>Every command with its options.</summary>
    public static RootCommand CreateRoot(CliEnvironment environment)
    {
        var root = new RootCommand("Reads and changes Calico's resources, and looks into a running Calico.")
        {
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
            DropsCommand.Create(environment),
            ExplainCommand.Create(environment),
            DiffCommand.Create(environment),
            VersionCommand.Create(environment),
            CompletionCommand.Create(environment),
            CompletionCommand.CreateNames(environment),
        };
        GlobalOptions.AddTo(root);
        ShowHelpWhereNothingIsDone(root);
        return root;
    }

    private static void ShowHelpWhereNothingIsDone(Command command)
    {
        if (command.Action is null)
        {
            command.SetAction(result => new HelpAction().Invoke(result));
        }

        foreach (var sub in command.Subcommands)
        {
            ShowHelpWhereNothingIsDone(sub);
        }
    }
}
