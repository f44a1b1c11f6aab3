using System.CommandLine;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl replace -f FILE</c>.</summary>
internal static class ReplaceCommand
{
    internal static Command Create(CliEnvironment environment) =>
        FileCommand.Create(environment, "Replace resources that exist.", BatchVerb.Replace, async (client, resource, _, ct) =>
        {
            await client.ReplaceAsync(resource, ct);
            return true;
        });
}
