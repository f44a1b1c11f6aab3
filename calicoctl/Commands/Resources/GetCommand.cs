using System.Collections.Immutable;
using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Sync;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl get KIND [NAME...]</c> or <c>-f FILE</c>.</summary>
internal static class GetCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        var output = new Option<string>("--output", "-o")
        {
            Description = "Form: ps, wide, yaml, json, custom-columns=HEADING,... or counters (of a policy's rules on this node)",
            DefaultValueFactory = _ => "ps",
            HelpName = "FORM",
        };
        var all = new Option<bool>("--all-namespaces", "-A", "-a") { Description = "Of every namespace." };
        var export = new Option<bool>("--export") { Description = "Without what belongs to this cluster only." };
        var command = new Command("get", "Show resources.");
        options.AddFileOptions(command);
        options.AddKindAndNames(command);
        command.Options.Add(output);
        command.Options.Add(all);
        command.Options.Add(export);
        var compat = OutputForm.CreateCompat();
        command.Options.Add(compat);
        command.SetAction(async (result, ct) =>
        {
            var form = result.GetValue(output)!;
            if (form != RuleCounters.Form)
            {
                ResourcePrinter.Check(form);
            }

            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), result.GetValue(all));
            var (keys, list, names) = Targets(environment, options, result, ns);
            if (form == RuleCounters.Form)
            {
                RuleCounters.Check(list is null ? keys.Select(ResourceKinds.All.Of) : [list]);
            }

            await using var session = CliSession.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var reading = new Reading(session.Client, result.GetValue(export));
            if (list is not null && names.Length > 0)
            {
                keys = await new EndpointFinder(session.Client).KeysAsync(list, names, ns, ct);
            }
            else if (list is not null)
            {
                await reading.ListAsync(list, ns.OfList(list), ct);
            }

            foreach (var key in keys)
            {
                await reading.GetAsync(key, ct);
            }

            if (form == RuleCounters.Form && !reading.Found.IsEmpty)
            {
                await RuleCounters.WriteAsync(environment, reading.Found, ct);
            }
            else if (form == "wide" && reading.Found is [var first, ..] && first.Kind == Kinds.WorkloadEndpoint
                && !OutputForm.IsCompat(result, compat, environment))
            {
                await new EndpointTable(environment, session.Client).WriteAsync([.. reading.Found.SelectMany(group => group.Items)],
                    ns.IsShown, ct);
            }
            else if (!reading.Found.IsEmpty)
            {
                new ResourcePrinter(environment.Output, form, ns.IsShown, environment.Width).Print(reading.Found);
            }

            foreach (var error in reading.Errors)
            {
                await environment.Error.WriteLineAsync(error);
            }

            return reading.Errors.Count == 0 ? 0 : 1;
        });
        return command;
    }

    private static (ImmutableArray<ResourceKey> Keys, ResourceKind? Kind, string[] Names) Targets(CliEnvironment environment,
        ResourceOptions options,
        ParseResult result, NamespaceChoice ns)
    {
        if (result.GetValue(options.Filename) is not null)
        {
            return ([.. FileCommand.Read(environment, options, result)
                .Select(manifest => manifest.Kind.KeyOf(ns.Apply(manifest.Kind, manifest.Resource)))], null, []);
        }

        var kind = KindArgument.Resolve(result.GetValue(options.Kind));
        var names = result.GetValue(options.Names) ?? [];
        if (names.Length > 0)
        {
            // What is named has one namespace, which is checked before the store is asked.
            ns.Of(kind);
        }

        return ([], kind, [.. names.Select(KindArgument.CheckName)]);
    }

    /// <summary>What has been read so far; a failure does not hide the rest.</summary>
    private sealed class Reading(ResourceClient client, bool export)
    {
        internal ImmutableArray<PrintableResources> Found { get; private set; } = [];

        internal List<string> Errors { get; } = [];

        internal async Task GetAsync(ResourceKey key, CancellationToken ct)
        {
            try
            {
                var resource = await client.GetAsync(key, ct);
                Found = Found.Add(new(ResourceKinds.All.Of(key), [export ? Export(resource) : resource], null));
            }
            catch (CalicoException e) when (e.Problem is Problem.NotFound or Problem.Damaged)
            {
                Errors.Add(e.Message + (e.Problem == Problem.NotFound ? await NameHint.ForAsync(client, key, ct) : ""));
            }
        }

        internal async Task ListAsync(ResourceKind kind, string ns, CancellationToken ct)
        {
            var list = await client.ListAsync(kind, ns, ct);
            Found = Found.Add(new(kind, list.Items, list.Revision));
            Errors.AddRange(list.Unreadable.Select(pair => pair.Value));
        }

        private static Resource Export(Resource resource) => resource with
        {
            Metadata = resource.Metadata with { Namespace = null, Uid = null, ResourceVersion = null, CreationTimestamp = null },
        };
    }
}
