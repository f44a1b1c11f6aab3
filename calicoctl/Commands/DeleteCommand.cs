using System.Collections.Immutable;
using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Cli.Input;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Cli.Commands;

/// <summary><c>calicoctl delete KIND NAME...</c> or <c>-f FILE</c>.</summary>
internal static class DeleteCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        var skipMissing = new Option<bool>("--skip-not-exists", "-s") { Description = "Skip resources that do not exist." };
        var command = new Command("delete", "Delete resources.");
        options.AddFileOptions(command);
        options.AddKindAndNames(command);
        command.Options.Add(skipMissing);
        command.SetAction(async (result, ct) =>
        {
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            var targets = Targets(environment, options, result, ns);
            await using var session = CliSession.Open(environment, result.GetValue(options.Config));
            await session.WarnOfVersionAsync(ct);
            return await DeleteAllAsync(environment, session.Client, targets, result.GetValue(skipMissing), ct);
        });
        return command;
    }

    private static ImmutableArray<ResourceKey> Targets(CliEnvironment environment, ResourceOptions options, ParseResult result, NamespaceChoice ns)
    {
        if (result.GetValue(options.Filename) is not null)
        {
            return [.. FileCommand.Read(environment, options, result)
                .Select(manifest => manifest.Kind.KeyOf(ns.Apply(manifest.Kind, manifest.Resource)))];
        }

        var kind = KindArgument.Resolve(result.GetValue(options.Kind));
        var names = result.GetValue(options.Names) ?? [];
        return names.Length > 0
            ? [.. names.Select(name => new ResourceKey(kind.Name, ns.Of(kind), KindArgument.CheckName(name)))]
            : throw new CliException("resource name may not be empty");
    }

    private static async Task<int> DeleteAllAsync(CliEnvironment environment, ResourceClient client, ImmutableArray<ResourceKey> targets,
        bool skipMissing, CancellationToken ct)
    {
        if (targets.IsEmpty)
        {
            await environment.Output.WriteLineAsync("No resources specified");
            return 0;
        }

        var (done, failed) = (0, false);
        foreach (var key in targets)
        {
            try
            {
                WriteRules.Check("delete", client.Kinds[key.Kind], key.Name);
                await client.DeleteAsync(key, null, ct);
                done++;
            }
            catch (CalicoException e) when (e.Problem == Problem.NotFound && skipMissing)
            {
                // That is what the user asked for.
            }
            catch (CalicoException e)
            {
                failed = true;
                await environment.Error.WriteLineAsync($"Failed to delete '{key.Kind}' resource: {e.Message}");
            }
        }

        var kinds = targets.Select(key => key.Kind).Distinct().ToArray();
        if (done > 0 || !failed)
        {
            await environment.Output.WriteLineAsync($"Successfully deleted {done} {(kinds.Length == 1 ? $"'{kinds[0]}' " : "")}resource(s)");
        }

        return failed ? 1 : 0;
    }
}
