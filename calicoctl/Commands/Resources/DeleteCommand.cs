using System.Collections.Immutable;
using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl delete KIND NAME...</c> or <c>-f FILE</c>. What somebody uses stays, unless it is forced.</summary>
internal static class DeleteCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        var skipMissing = new Option<bool>("--skip-not-exists", "-s") { Description = "Skip resources that do not exist." };
        var force = new Option<bool>("--force") { Description = "Delete what is in use, too; those who use it lose it." };
        var command = new Command("delete", "Delete resources.");
        options.AddFileOptions(command);
        options.AddKindAndNames(command);
        command.Options.Add(skipMissing);
        command.Options.Add(force);
        var writing = new WriteOptions(command);
        command.SetAction(async (result, ct) =>
        {
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            var keys = FileTargets(environment, options, result, ns);
            var (kind, names) = keys.IsDefault ? NamedTargets(options, result) : default;
            await using var session = writing.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            if (kind is not null)
            {
                keys = await new EndpointFinder(session.Client).KeysAsync(kind, names, ns, ct);
            }

            return await new Deletion(environment, session, keys, result.GetValue(skipMissing), result.GetValue(force)).RunAsync(ct);
        });
        return command;
    }

    /// <summary>From the file's end to its beginning, since what comes later may use what comes before it; and last what others of the file
    /// may use wherever it stands, as a policy its tier.</summary>
    private static ImmutableArray<ResourceKey> FileTargets(CliEnvironment environment, ResourceOptions options, ParseResult result,
        NamespaceChoice ns) =>
        result.GetValue(options.Filename) is null ? default : [.. FileCommand.Read(environment, options, result)
            .Select(manifest => manifest.Kind.KeyOf(ns.Apply(manifest.Kind, manifest.Resource))).Reverse()
            .OrderBy(key => Kinds.Tier.Owns(key) || Kinds.Profile.Owns(key) || Kinds.IpPool.Owns(key) || Kinds.Node.Owns(key))];

    private static (ResourceKind Kind, string[] Names) NamedTargets(ResourceOptions options, ParseResult result)
    {
        var kind = KindArgument.Resolve(result.GetValue(options.Kind));
        var names = result.GetValue(options.Names) ?? [];
        return names.Length > 0 ? (kind, [.. names.Select(KindArgument.CheckName)])
            : throw new CliException("resource name may not be empty");
    }
}
