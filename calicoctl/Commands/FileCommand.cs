using System.Collections.Immutable;
using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Cli.Input;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands;

/// <summary>What create, apply and replace have in common: each does one thing to every resource of a file.</summary>
internal static class FileCommand
{
    internal static Command Create(CliEnvironment environment, string description, BatchVerb verb,
        Func<ResourceClient, Resource, ParseResult, CancellationToken, Task<bool>> write, params ReadOnlySpan<Option> more)
    {
        var options = new ResourceOptions();
        options.Filename.Required = true;
        var command = new Command(verb.Present, description);
        options.AddFileOptions(command);
        command.Options.Add(options.DryRun);
        foreach (var option in more)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (result, ct) =>
        {
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            var manifests = Read(environment, options, result);
            await using var session = CliSession.Open(environment, result, result.GetValue(options.DryRun));
            await session.WarnOfVersionAsync(ct);
            await session.EnsureInitializedAsync(ct);
            return await new ResourceBatch(environment, verb, session).RunAsync(manifests, async manifest =>
            {
                WriteRules.Check(verb.Present, manifest.Kind, manifest.Resource.Metadata.Name);
                var isWritten = await write(session.Client, ns.Apply(manifest.Kind, WriteRules.Reduce(manifest.Resource)), result, ct);
                session.WarnIfIdle(manifest.Kind.KeyOf(manifest.Resource));
                return isWritten;
            });
        });
        return command;
    }

    internal static ImmutableArray<Manifest> Read(CliEnvironment environment, ResourceOptions options, ParseResult result) =>
        new ManifestReader(ResourceKinds.All, environment.Input)
            .Read(result.GetValue(options.Filename)!, result.GetValue(options.Recursive), result.GetValue(options.SkipEmpty));
}
