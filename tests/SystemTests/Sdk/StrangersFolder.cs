using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Sdk;

/// <summary>An empty folder of somebody who has the .NET SDK and a feed with our packages, and nothing else of ours.</summary>
/// <remarks>Packages of others come from this machine's cache, so that nothing is fetched; what is restored goes to a cache of its own.
/// </remarks>
internal sealed class StrangersFolder : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private readonly Dictionary<string, string> _environment;

    public StrangersFolder(string packages)
    {
        var path = Directory.CreateDirectory(System.IO.Path.Combine("/var/tmp",
            $"calico-test-{Environment.ProcessId}-{Guid.NewGuid():N}"[..40])).FullName;
        Path = path;
        _environment = new()
        {
            ["DOTNET_CLI_HOME"] = System.IO.Path.Combine(path, ".home"),
            ["NUGET_PACKAGES"] = System.IO.Path.Combine(path, ".cache"),
            ["DOTNET_NOLOGO"] = "1",
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_SKIP_FIRST_TIME_EXPERIENCE"] = "1",
            ["MSBUILDDISABLENODEREUSE"] = "1",
            ["UseSharedCompilation"] = "false",
        };
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        File.WriteAllText(System.IO.Path.Combine(path, "nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{packages}" /></packageSources>
              <fallbackPackageFolders><clear /><add key="machine" value="{cache}" /></fallbackPackageFolders>
            </configuration>
            """);
    }

    public string Path { get; }

    /// <summary>Runs dotnet in the folder or below and returns what it said.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public async Task<string> DotnetAsync(string folder, params string[] arguments) =>
        (await TryDotnetAsync(folder, arguments)).OrThrow().Output;

    /// <inheritdoc cref="DotnetAsync"/>
    public Task<CommandResult> TryDotnetAsync(string folder, params string[] arguments) =>
        CommandResult.RunAsync(["env", "-C", System.IO.Path.Combine(Path, folder), "dotnet", .. arguments], environment: _environment,
            limit: Patience);

    public void Dispose()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
