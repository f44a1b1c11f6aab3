using Calico.Cli.Input;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands;

/// <summary>A kind that a user named.</summary>
internal static class KindArgument
{
    internal static ResourceKind Resolve(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            throw new CliException("a kind of resource, or a file with -f, must be given");
        }

        return ResourceKinds.All.TryFind(text, out var kind)
            ? kind
            : throw new CliException($"resource type '{text}' is not supported" + Suggestion.For(text, ResourceKinds.All.Names));
    }

    internal static string CheckName(string name) => name.Length > 0 ? name : throw new CliException("resource name may not be empty");
}
