using Calico.Cli.Input;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands.Resources;

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

    /// <summary>A word that begins with a dash of whatever kind was meant as an option: word processors make one of two.</summary>
    internal static string CheckName(string name) =>
        name.Length == 0 ? throw new CliException("resource name may not be empty")
        : char.GetUnicodeCategory(name[0]) == System.Globalization.UnicodeCategory.DashPunctuation
        ? throw new CliException($"'{name}' is no name: it begins with a dash. Options begin with the plain ones, --")
        : name;
}
