using System.CommandLine;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl create -f FILE</c>.</summary>
internal static class CreateCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var skipExists = new Option<bool>("--skip-exists") { Description = "Skip resources that exist already." };
        return FileCommand.Create(environment, "Create resources; those that exist are an error.", BatchVerb.Create,
            async (client, resource, result, ct) =>
            {
                try
                {
                    await client.CreateAsync(resource, ct);
                    return true;
                }
                catch (CalicoException e) when (e.Problem == Problem.AlreadyExists && result.GetValue(skipExists))
                {
                    return false;
                }
            }, skipExists);
    }
}
