using System.Globalization;
using Calico.Host.Plugins;
using Calico.Host.Plugins.Packages;
using Calico.Linux;
using NuGet.Versioning;

namespace Calico.Host.Commands;

/// <summary><c>calico-host plugin install|upgrade|list|remove</c>.</summary>
/// <param name="root">Folder of installed adapters.</param>
/// <param name="output">Where lines go.</param>
internal sealed partial class PluginCommands(string root, TextWriter output)
{
    private const string StagingPrefix = ".staging";

    /// <summary>Feeds to look in; empty: those of NuGet.Config.</summary>
    public IReadOnlyList<string> Feeds { get; init; } = [];

    /// <summary>A feed that answers nothing for so long is away.</summary>
    public TimeSpan FeedPatience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Packages without a signature that this machine trusts are refused.</summary>
    public bool RequireSignatures { get; init; }

    /// <summary>Everything is fetched, unpacked and checked, and nothing stays.</summary>
    public bool DryRun { get; init; }

    /// <summary>Lays an adapter down beside its older versions; a restart of the host loads it.</summary>
    /// <param name="source">A <c>.nupkg</c>, a folder as <c>dotnet publish</c> makes it, or a package id with or without <c>@version</c>.
    /// </param>
    /// <param name="ct">Ends it; nothing is left.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>, <see cref="Problem.Invalid"/>, <see cref="Problem.Unsupported"/>,
    /// <see cref="Problem.AlreadyExists"/> the version is there with other bytes, <see cref="Problem.Unavailable"/> a feed is away.
    /// </exception>
    public Task InstallAsync(string source, CancellationToken ct) => StageAsync(source, async staging =>
    {
        var files = Directory.CreateDirectory(Path.Combine(staging, "files"), AtomicFile.Folder).FullName;
        var note = await FillAsync(source, staging, files, ct);
        return Settle(source, files, note);
    });

    /// <summary>Installs the newest version of each adapter that came from a package, where it is newer than what is there.</summary>
    /// <param name="name">Null: of all.</param>
    /// <param name="ct">Ends it between two adapters, or in the middle of one that is not there yet.</param>
    public async Task UpgradeAsync(string? name, CancellationToken ct)
    {
        var unusable = new List<string>();
        var installed = PluginFolder.Scan(root, (adapter, _, problem) => unusable.AddRange(adapter == name ? [problem] : []))
            .GroupBy(p => p.Name).Select(g => g.First()).Where(p => name is null || p.Name == name).ToList();
        if (installed.Count == 0)
        {
            throw unusable.Count > 0 ? new CalicoException(Problem.Invalid,
                $"adapter '{name}' is installed in {root} and cannot be used: {string.Join("; ", unusable)}", "name")
                : new CalicoException(Problem.NotFound, name is null ? $"no adapter is installed in {root}"
                    : $"adapter '{name}' is not installed in {root}", "name");
        }

        var faults = new List<CalicoException>();
        foreach (var adapter in installed)
        {
            try
            {
                await UpgradeAsync(adapter, ct);
            }
            catch (CalicoException e)
            {
                // The others are upgraded all the same.
                faults.Add(e);
            }
        }

        if (faults is [var first, ..])
        {
            throw new CalicoException(first.Problem, string.Join("; ", faults.Select(f => f.Message)), first.Path, first);
        }
    }

    private async Task UpgradeAsync(PluginFolder adapter, CancellationToken ct)
    {
        if (PackageNote.Read(adapter.Directory) is not { Id.Length: > 0 } note)
        {
            output.WriteLine($"adapter '{adapter.Name}' {adapter.Version} was installed from a folder: where newer ones "
                + "are is not known; install it again");
            return;
        }

        await StageAsync(note.Id, async staging =>
        {
            var files = Directory.CreateDirectory(Path.Combine(staging, "files"), AtomicFile.Folder).FullName;
            PackageFeeds feeds;
            try
            {
                feeds = NewFeeds().Of(note.Source);
            }
            catch (CalicoException e)
            {
                throw new CalicoException(e.Problem, $"adapter '{adapter.Name}' {adapter.Version}: {e.Message}", e.Path, e);
            }

            var found = await FetchAsync(feeds, note.Id, staging, files, ct);
            return NuGetVersion.Parse(found.Version) <= NuGetVersion.Parse(note.Version)
                ? $"adapter '{adapter.Name}' {adapter.Version} is the newest in {found.Source}"
                : Settle(note.Id, files, found);
        });
    }

    /// <summary>Shows them, with what a running host says of each.</summary>
    public async Task ListAsync(LoadedAdapters loaded, CancellationToken ct)
    {
        var refused = new List<string>();
        var found = PluginFolder.Scan(root,
            (name, version, problem) => refused.Add($"{name,-16} {version ?? "-",-12} not usable: {problem}"));
        if (found.Count + refused.Count == 0)
        {
            output.WriteLine($"no adapter is installed in {root}: calico-host plugin install <package or folder>");
            return;
        }

        var says = await loaded.AskAsync(ct);
        output.WriteLine($"{"NAME",-16} {"VERSION",-12} {"CONTRACT",-9} {"STATE",-12} SOURCE");
        foreach (var plugin in found)
        {
            output.WriteLine($"{plugin.Name,-16} {plugin.Version,-12} {plugin.ContractText,-9} {says.StateOf(plugin.Name, plugin.Version),-12} {SourceOf(plugin)}");
        }

        refused.ForEach(output.WriteLine);
        foreach (var line in says.Troubles)
        {
            output.WriteLine(line);
        }
    }

    private static string SourceOf(PluginFolder plugin)
    {
        try
        {
            return PackageNote.Read(plugin.Directory)?.Source ?? plugin.Directory;
        }
        catch (CalicoException e)
        {
            return $"not known: {e.Message}";
        }
    }

    /// <summary>Removes a version, or the adapter with all of them.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>, <see cref="Problem.Invalid"/>, <see cref="Problem.Unavailable"/>
    /// another command is working, <see cref="Problem.Refused"/> the files cannot be removed.</exception>
    public void Remove(string name, string? version)
    {
        if (!AdapterBuild.AdapterRules.IsName(name) || (version is not null && !AdapterBuild.AdapterRules.IsVersion(version)))
        {
            throw new CalicoException(Problem.Invalid,
                $"'{name}'{(version is null ? "" : $" '{version}'")} is not an adapter's name and version", "name");
        }

        var folder = version is null ? Path.Combine(root, name) : Path.Combine(root, name, version);
        if (!Directory.Exists(folder))
        {
            throw new CalicoException(Problem.NotFound,
                $"adapter '{name}'{(version is null ? "" : " " + version)} is not installed in {root}", "name");
        }

        if (DryRun)
        {
            output.WriteLine($"would remove {folder}");
            return;
        }

        try
        {
            using var turn = Lock();
            // Out of the host's sight in one step, the last version with its adapter's folder, then file by file.
            var adapter = Path.Combine(root, name);
            var gone = Path.Combine(root, $"{StagingPrefix}-removed-{Guid.NewGuid():N}");
            Directory.Move(Directory.GetFileSystemEntries(adapter) is [_] ? adapter : folder, gone);
            Directory.Delete(gone, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Refused, $"{folder} cannot be removed: {e.Message}", "name", e);
        }

        output.WriteLine($"removed {folder}; a running host keeps what it has loaded until it is started again");
    }
}
