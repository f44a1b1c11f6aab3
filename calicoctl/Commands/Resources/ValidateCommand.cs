using System.CommandLine;
using System.Text.Json.Nodes;
using Calico.Cli.Input;
using Calico.Cli.Output;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands.Resources;

/// <summary><c>calicoctl validate -f FILE</c>: everything that can be said without a datastore, each with its file, line and field.
/// </summary>
internal static class ValidateCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        options.Filename.Required = true;
        var command = new Command("validate", "Check resources without a datastore.");
        options.AddFileOptions(command);
        var output = OutputForm.Create();
        command.Options.Add(output);
        command.SetAction((result, _) =>
        {
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            var reader = new ManifestReader(ResourceKinds.All, environment.Input);
            var manifests = reader.Read(result.GetValue(options.Filename)!, result.GetValue(options.Recursive),
                result.GetValue(options.SkipEmpty));
            // A field that nobody knows is said once, also where something else is wrong with the same resource.
            var faults = reader.Faults.Concat(manifests.SelectMany(manifest => FaultsOf(manifest, ns)))
                .DistinctBy(fault => (fault.Source, fault.Line, fault.Path, fault.Message))
                .OrderBy(fault => fault.Source, StringComparer.Ordinal).ThenBy(fault => fault.Line).ToArray();
            if (result.GetValue(output) == "json")
            {
                JsonOutput.Write(environment.Output, "Validation", new()
                {
                    ["resources"] = manifests.Length,
                    ["faults"] = new JsonArray([.. faults.Select(fault => (JsonNode)new JsonObject
                    {
                        ["source"] = fault.Source, ["line"] = fault.Line, ["field"] = fault.Path, ["message"] = fault.Message,
                    })]),
                });
                return Task.FromResult(faults.Length == 0 ? 0 : 1);
            }

            foreach (var fault in faults)
            {
                environment.Error.WriteLine(fault);
            }

            if (faults.Length == 0)
            {
                var kinds = manifests.Select(manifest => manifest.Kind.Name).Distinct().ToArray();
                environment.Output.WriteLine(manifests.IsEmpty ? "No resources specified"
                    : $"Successfully validated {manifests.Length} {(kinds.Length == 1 ? $"'{kinds[0]}' " : "")}resource(s)");
            }

            return Task.FromResult(faults.Length == 0 ? 0 : 1);
        });
        return command;
    }

    private static IEnumerable<Fault> FaultsOf(Manifest manifest, NamespaceChoice ns)
    {
        try
        {
            return manifest.Kind.Validate(ns.Apply(manifest.Kind, manifest.Resource)).Select(manifest.Place.Fault);
        }
        catch (CliException e)
        {
            return [manifest.Place.Fault("metadata.namespace", e.Message)];
        }
    }
}
