using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json.Nodes;
using Calico.Cli.Commands.Resources;
using Calico.Cli.Connection;
using Calico.Cli.Input;
using Calico.Cli.Output;
using Calico.Datastore.Yaml;

namespace Calico.Cli.Commands.Policy;

/// <summary><c>calicoctl diff -f FILE</c>: which resources applying a file would change, and which connections between workloads would be
/// lost or gained by it, each with the rule that decides.</summary>
internal static class DiffCommand
{
    // As kubectl's: 1 is a difference, so a failure is not.
    private const int Failed = 2;
    private const int ValueWidth = 60;

    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        options.Filename.Required = true;
        var command = new Command("diff",
            "Say what applying resources would change: their fields, and the connections that are lost or gained.");
        options.AddFileOptions(command);
        var exitCode = new Option<bool>("--exit-code") { Description = "End with 1 if anything would change; failures end with 2." };
        var output = OutputForm.Create();
        command.Options.Add(exitCode);
        command.Options.Add(output);
        command.SetAction(async (result, ct) =>
        {
            try
            {
                var isChange = await RunAsync(environment, options, result, result.GetValue(output) == "json", ct);
                return isChange && result.GetValue(exitCode) ? 1 : 0;
            }
            catch (Exception e) when (e is CliException or CalicoException or YamlFaultException)
            {
                await environment.Error.WriteLineAsync(e.Message);
                return Failed;
            }
        });
        return command;
    }

    /// <summary>Prints which connections the session's changes would lose or gain, below what a dry run has said of resources.</summary>
    internal static async Task WriteFlowsAsync(CliEnvironment environment, CliSession session, CancellationToken ct)
    {
        if (PolicyPreview.IsOfPolicy(session) && await PolicyPreview.OfAsync(session, ct) is { Flows.IsEmpty: false } preview)
        {
            preview.Flows.Write(environment.Output);
        }
    }

    private static async Task<bool> RunAsync(CliEnvironment environment, ResourceOptions options, ParseResult result, bool asJson,
        CancellationToken ct)
    {
        var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
        var manifests = FileCommand.Read(environment, options, result);
        await using var session = CliSession.Open(environment, result, dryRun: true);
        await session.WarnOfVersionAsync(ct);
        await session.EnsureInitializedAsync(ct);
        var wanted = new List<string>();
        foreach (var manifest in manifests)
        {
            var resource = ns.Apply(manifest.Kind, WriteRules.Reduce(manifest.Resource));
            var key = manifest.Kind.KeyOf(resource);
            wanted.Add(key.ToString());
            WriteRules.Check("apply", manifest.Kind, resource.Metadata.Name);
            try
            {
                await session.Client.ApplyAsync(resource, ct);
            }
            catch (CalicoException e) when (e.Problem != Problem.Unavailable)
            {
                throw new CliException($"{key} would be refused: {e.Message}");
            }
        }

        var preview = await PolicyPreview.OfAsync(session, ct);
        var unchanged = wanted.Except(preview.Resources.Select(change => change.Key.ToString())).ToImmutableArray();
        if (asJson)
        {
            JsonOutput.Write(environment.Output, "Difference", ToJson(preview, unchanged));
        }
        else
        {
            Write(environment.Output, preview, unchanged);
        }

        return !preview.Resources.IsEmpty;
    }

    private static void Write(TextWriter output, PolicyPreview preview, ImmutableArray<string> unchanged)
    {
        foreach (var change in preview.Resources)
        {
            output.WriteLine($"{change.Key} {change.Change}");
            foreach (var (path, before, after) in change.Fields)
            {
                output.WriteLine($"    {path}: " + (before is null ? $"added {Cut(after!)}"
                    : after is null ? $"removed, was {Cut(before)}" : $"{Cut(before)} -> {Cut(after)}"));
            }
        }

        foreach (var key in unchanged)
        {
            output.WriteLine($"{key} unchanged");
        }

        if (!preview.Resources.IsEmpty)
        {
            preview.Flows.Write(output);
        }
    }

    private static JsonObject ToJson(PolicyPreview preview, ImmutableArray<string> unchanged) => new()
    {
        ["resources"] = new JsonArray([.. preview.Resources.Select(change => (JsonNode?)new JsonObject
        {
            ["resource"] = change.Key.ToString(),
            ["change"] = change.Change,
            ["fields"] = new JsonArray([.. change.Fields.Select(field => (JsonNode?)new JsonObject
            {
                ["field"] = field.Path, ["before"] = field.Before, ["after"] = field.After,
            })]),
        })]),
        ["unchanged"] = JsonOutput.Texts(unchanged),
        ["connections"] = preview.Flows.ToJson(),
    };

    private static string Cut(string value) => value.Length <= ValueWidth ? value : $"{value[..(ValueWidth - 1)]}…";
}
