using Calico.Datastore.Resources;

namespace Calico.Cli.Commands.Resources;

/// <summary>Which namespace a command is about.</summary>
/// <param name="Name">What <c>-n</c> says; empty: nothing.</param>
/// <param name="All">Whether <c>-A</c> was given.</param>
internal sealed record NamespaceChoice(string Name, bool All)
{
    private const string Default = "default";

    /// <summary>Whether listings show the namespace.</summary>
    internal bool IsShown => All || Name.Length > 0;

    internal static NamespaceChoice Of(string? name, bool all) => all && !string.IsNullOrEmpty(name)
        ? throw new CliException("cannot use both --namespace and --all-namespaces flags at the same time")
        : new(name ?? "", all);

    /// <summary>Namespace of a resource that is named on the command line; empty for kinds that have none.</summary>
    internal string Of(ResourceKind kind)
    {
        if (!kind.Namespaced)
        {
            return Name.Length == 0 ? "" : throw new CliException($"{kind.Name} is not namespaced");
        }

        return All ? throw new CliException("cannot use --all-namespace flag for getting a single resource")
            : Name.Length > 0 ? Name : Default;
    }

    /// <summary>Namespace to list; empty: all.</summary>
    internal string OfList(ResourceKind kind) => All || !kind.Namespaced ? "" : Of(kind);

    /// <summary>The resource with its namespace filled in.</summary>
    internal Resource Apply(ResourceKind kind, Resource resource)
    {
        var own = resource.Metadata.Namespace ?? "";
        if (!kind.Namespaced)
        {
            return own.Length == 0
                ? Name.Length == 0 ? resource : throw new CliException($"{kind.Name} is not namespaced")
                : throw new CliException(
                    $"namespace should not be specified for a non-namespaced resource. {kind.Name} is not a namespaced resource");
        }

        return own.Length > 0 && Name.Length > 0 && own != Name
            ? throw new CliException($"resource namespace does not match client namespace. {own} != {Name}")
            : resource with { Metadata = resource.Metadata with { Namespace = own.Length > 0 ? own : Name.Length > 0 ? Name : Default } };
    }
}
