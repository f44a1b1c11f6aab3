using System.Diagnostics;

namespace Calico.SystemTests.Store;

/// <summary>Runs one explicit test of this assembly in a process of its own, to be killed or put into another mount namespace.</summary>
internal static class ChildTest
{
    public const string FolderVariable = "CALICO_CHILD_FOLDER";

    public static string Folder => Environment.GetEnvironmentVariable(FolderVariable)
        ?? throw new InvalidOperationException($"this test is run by another one, which sets {FolderVariable}");

    /// <param name="test">Full name.</param>
    /// <param name="folder">What the child finds in <see cref="Folder"/>.</param>
    /// <param name="shell">Shell text that ends in <c>exec "$@"</c>; null: the test directly.</param>
    public static Process Start(string test, string folder, string? shell = null)
    {
        // Started as its own program, or by `dotnet` with the assembly.
        string[] self = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
            ? [Environment.ProcessPath!, typeof(ChildTest).Assembly.Location]
            : [Environment.ProcessPath!];
        string[] command = [.. self, "--filter", $"FullyQualifiedName={test}", "--no-progress", "--results-directory", folder];
        var arguments = shell is null ? command[1..] : ["-m", "--propagation", "private", "sh", "-ec", shell, "sh", .. command];
        return Process.Start(new ProcessStartInfo(shell is null ? command[0] : "unshare", arguments)
        {
            Environment = { [FolderVariable] = folder },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}
