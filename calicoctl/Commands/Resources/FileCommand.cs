using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json;
using Calico.Cli.Commands.Policy;
using Calico.Cli.Connection;
using Calico.Cli.Input;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;

namespace Calico.Cli.Commands.Resources;

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
        var writing = new WriteOptions(command);
        foreach (var option in more)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (result, ct) =>
        {
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            var manifests = Read(environment, options, result);
            await using var session = writing.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            await session.EnsureInitializedAsync(ct);
            var exitCode = await new ResourceBatch(environment, verb, session).RunAsync(manifests, async manifest =>
            {
                var resource = ns.Apply(manifest.Kind, WriteRules.Reduce(manifest.Resource));
                try
                {
                    WriteRules.Check(verb.Present, manifest.Kind, resource.Metadata.Name);
                    var isWritten = await write(session.Client, resource, result, ct);
                    session.WarnIfIdle(manifest.Kind.KeyOf(resource), resource);
                    return isWritten;
                }
                catch (CalicoException e) when (e.Problem == Problem.Unsupported)
                {
                    if (!await IsAsItIsAsync(session.Client, manifest.Kind, resource, ct))
                    {
                        throw;
                    }

                    return false;
                }
            });
            if (session is { IsDryRun: true, AsJson: false })
            {
                await DiffCommand.WriteFlowsAsync(environment, session, ct);
            }

            return exitCode;
        });
        return command;
    }

    /// <exception cref="CliException">Something in it is wrong; all of it is said.</exception>
    internal static ImmutableArray<Manifest> Read(CliEnvironment environment, ResourceOptions options, ParseResult result)
    {
        var reader = new ManifestReader(ResourceKinds.All, environment.Input);
        var manifests = reader.Read(result.GetValue(options.Filename)!, result.GetValue(options.Recursive),
            result.GetValue(options.SkipEmpty));
        return reader.Faults.Count == 0 ? manifests : throw new CliException(string.Join('\n', reader.Faults));
    }

    // What is never written by users may be in what they read, and comes back with it.
    private static async Task<bool> IsAsItIsAsync(ResourceClient client, ResourceKind kind, Resource resource, CancellationToken ct) =>
        await client.FindAsync(kind.KeyOf(resource), ct) is { } stored
            && JsonElement.DeepEquals(SpecOf(kind, stored), SpecOf(kind, resource));

    private static JsonElement SpecOf(ResourceKind kind, Resource resource) =>
        kind.ToJson(resource).TryGetProperty("spec", out var spec) ? spec : default;
}
