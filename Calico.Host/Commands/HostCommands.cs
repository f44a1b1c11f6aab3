using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Calico.Datastore.Settings;
using Calico.Host.Settings;

namespace Calico.Host.Commands;

/// <summary>The command line of <c>calico-host</c>: which commands there are, and that nothing is done before all words are understood.
/// </summary>
/// <remarks>No <see cref="RootCommand"/>: that one is called as the file it is started from, and has directives.</remarks>
internal static partial class HostCommands
{
    // A name that begins with '@' is a name, not a file of further words; -ab is no -a -b.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    /// <summary>Runs one command line.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: nothing has been done.</exception>
    public static Task<int> RunAsync(string[] args)
    {
        if (args is [] or ["run"])
        {
            // How a unit starts it: the parser would take 14 ms of processor time to find nothing.
            return RunHostAsync(null);
        }

        args = args switch
        {
            ["--version", .. var rest] => ["version", .. rest],
            ["--help" or "-h", ..] => args,
            // Without a command it is run, as ever.
            [['-', ..], ..] => ["run", .. args],
            _ => args,
        };
        var result = Create().Parse(args, Parsing);
        // Help is shown whatever else is written: it does nothing.
        var isCommand = result.Action is null or ParseErrorAction || result.Action == result.CommandResult.Command.Action;
        return isCommand && HostUsage.Fault(result, args) is { } fault ? throw fault
            : result.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>Every command with its options; a new one is a line here.</summary>
    public static Command Create()
    {
        var root = new Command("calico-host", "Gives this machine's workloads their network.")
        {
            CreateRun(),
            CreateInstall(),
            CreateUninstall(),
            CreateCni(),
            CreateDocker(),
            CreateMesos(),
            CreatePlugin(),
            Make("version", "Says which version this is.", _ => Say($"calico-host {ThisVersion.Text}")),
        };
        var help = new Command("help", "As --help.") { Hidden = true };
        help.SetAction(result => new HostHelp().Invoke(root.Parse("--help", Parsing)));
        root.Subcommands.Add(help);
        root.Options.Add(new HelpOption("--help", "-h") { Action = new HostHelp() });
        ShowHelpWhereNothingIsDone(root);
        return root;
    }

    private static void ShowHelpWhereNothingIsDone(Command command)
    {
        if (command.Action is null)
        {
            command.SetAction(result => new HostHelp().Invoke(result));
        }

        foreach (var sub in command.Subcommands)
        {
            ShowHelpWhereNothingIsDone(sub);
        }
    }

    private static Command Make(string name, string description, Func<ParseResult, Task<int>> run, params ReadOnlySpan<Symbol> symbols)
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols)
        {
            if (symbol is Option option)
            {
                command.Options.Add(option);
            }
            else if (symbol is Argument argument)
            {
                command.Arguments.Add(argument);
            }
        }

        command.SetAction(run);
        return command;
    }

    private static Option<bool> Flag(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.Zero };

    private static Option<string?> Valued(string name, string helpName, string description) =>
        new(name) { Description = description, HelpName = helpName };

    private static Option<bool> DryRun() => Flag("--dry-run", "Check everything, say what would be done, and leave nothing behind.");

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

    private static Task<int> Say(string text)
    {
        Console.WriteLine(text);
        return Task.FromResult(0);
    }

    /// <summary>Those of the environment and the usual file.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: everything that is wrong with them.</exception>
    internal static HostSettings Settings() => HostSettings.Read(Reader(null));

    private static SettingsReader Reader(string? file) =>
        new(Environment.GetEnvironmentVariable, SettingsFile.Read(file ?? SettingsFile.DefaultPath, mustExist: file is not null));

    private static InstallLedger Ledger() => InstallLedger.Open(Path.Combine(Settings().DataDirectory, "installed.json"));
}
