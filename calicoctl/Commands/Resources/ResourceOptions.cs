using System.CommandLine;
using System.CommandLine.Completions;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands.Resources;

/// <summary>Options and arguments that the commands on resources share.</summary>
internal sealed class ResourceOptions
{
    internal Option<string?> Filename { get; } = new("--filename", "-f")
    {
        Description = "File or folder of resources in YAML or JSON; - is standard input.",
        HelpName = "FILE",
    };

    internal Option<bool> Recursive { get; } = new("--recursive", "-R") { Description = "Read folders inside the folder too." };

    internal Option<bool> SkipEmpty { get; } = new("--skip-empty") { Description = "Do not fail when there is nothing to do." };

    internal Option<string?> Namespace { get; } = new("--namespace", "-n") { Description = "Namespace of the resources.",
        HelpName = "NAMESPACE" };

    // Without a name for help, help would list every alias that completion offers.
    internal Argument<string?> Kind { get; } = new("KIND")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "Kind of resource, or an alias of it.",
        HelpName = "KIND",
    };

    internal Argument<string[]> Names { get; } = new("NAME") { Arity = ArgumentArity.ZeroOrMore, Description = "Names of resources." };

    internal ResourceOptions() =>
        Kind.CompletionSources.Add(_ => ResourceKinds.All.Names.Order(StringComparer.Ordinal).Select(name => new CompletionItem(name)));

    internal void AddFileOptions(Command command)
    {
        command.Options.Add(Filename);
        command.Options.Add(Recursive);
        command.Options.Add(SkipEmpty);
        command.Options.Add(Namespace);
    }

    internal void AddKindAndNames(Command command)
    {
        command.Arguments.Add(Kind);
        command.Arguments.Add(Names);
    }
}
