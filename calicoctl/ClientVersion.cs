using System.Reflection;

namespace Calico.Cli;

/// <summary>What this program was built from.</summary>
internal static class ClientVersion
{
    // "0.1.0+<commit>"; without a repository at build time there is no commit.
    private static readonly string[] Parts =
        (typeof(ClientVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0")
            .Split('+', 2);

    /// <summary><c>v0.1.0</c>.</summary>
    internal static string Text => "v" + Parts[0];

    internal static string Commit => Parts.Length > 1 ? Parts[1] : "unknown";
}
