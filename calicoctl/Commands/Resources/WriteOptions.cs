using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Cli.Output;

namespace Calico.Cli.Commands.Resources;

/// <summary>Options of every command that writes.</summary>
internal sealed class WriteOptions
{
    private readonly Option<bool> _dryRun =
        new("--dry-run") { Description = "Check everything, say what would be done, and write nothing." };
    private readonly Option<string> _output = OutputForm.Create();

    internal WriteOptions(Command command)
    {
        command.Options.Add(_dryRun);
        command.Options.Add(_output);
    }

    internal CliSession Open(CliEnvironment environment, ParseResult result) =>
        CliSession.Open(environment, result, result.GetValue(_dryRun), result.GetValue(_output) == "json");
}
