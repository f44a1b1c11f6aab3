using System.CommandLine;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands;

/// <summary><c>calicoctl validate -f FILE</c>: everything that can be said without a datastore.</summary>
internal static class ValidateCommand
{
    internal static Command Create(CliEnvironment environment)
    {
        var options = new ResourceOptions();
        options.Filename.Required = true;
        var command = new Command("validate", "Check resources without a datastore.");
        options.AddFileOptions(command);
        command.SetAction((result, _) =>
        {
            var ns = NamespaceChoice.Of(result.GetValue(options.Namespace), all: false);
            return new ResourceBatch(environment, BatchVerb.Validate, session: null).RunAsync(FileCommand.Read(environment, options, result), manifest =>
            {
                var errors = manifest.Kind.Validate(ns.Apply(manifest.Kind, manifest.Resource));
                return errors.IsEmpty ? Task.FromResult(true) : throw ResourceErrors.Invalid(errors);
            });
        });
        return command;
    }
}
