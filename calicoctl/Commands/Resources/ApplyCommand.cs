using System.CommandLine;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl apply -f FILE</c>.</summary>
internal static class ApplyCommand
{
    internal static Command Create(CliEnvironment environment) =>
        FileCommand.Create(environment, "Create resources, or replace those that exist.", BatchVerb.Apply,
            async (client, resource, _, ct) =>
        {
            await client.ApplyAsync(resource, ct);
            return true;
        });
}
