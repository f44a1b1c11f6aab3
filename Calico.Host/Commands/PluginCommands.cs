using System.Globalization;
using Calico.Host.Plugins;
using Calico.Host.Plugins.Packages;
using Calico.Linux;
using NuGet.Versioning;

namespace Calico.Host.Commands;

/// <summary><c>calico-host plugin install|upgrade|list|remove</c>.</summary>
/// <param name="root">Folder of installed adapters.</param>
/// <param name="output">Where lines go.</param>
internal sealed class PluginCommands(string root, TextWriter output)
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
    /// <param name="source">A <c>.nupkg</c>, a folder as <c>dotnet publish</c> makes it, or a package id with or without <c>@version</c>.</param>
    /// <param name="ct">Ends it; nothing is left.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>, <see cref="Problem.Invalid"/>, <see cref="Problem.Unsupported"/>,
    /// <see cref="Problem.AlreadyExists"/> the version is there with other bytes, <see cref="Problem.Unavailable"/> a feed is away.</exception>
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
        var installed = PluginFolder.Scan(root, (adapter, _, problem) => unusable.AddRange(adapter == name ? [problem] : [])).GroupBy(p => p.Name).Select(g => g.First()).Where(p => name is null || p.Name == name).ToList();
        if (installed.Count == 0)
        {
            throw unusable.Count > 0 ? new CalicoException(Problem.Invalid, $"adapter '{name}' is installed in {root} and cannot be used: {string.Join("; ", unusable)}", "name")
                : new CalicoException(Problem.NotFound, name is null ? $"no adapter is installed in {root}" : $"adapter '{name}' is not installed in {root}", "name");
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
            output.WriteLine($"adapter '{adapter.Name}' {adapter.Version} was installed from a folder: where newer ones are is not known; install it again");
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
            return NuGetVersion.Parse(found.Version) <= NuGetVersion.Parse(note.Version) ? $"adapter '{adapter.Name}' {adapter.Version} is the newest in {found.Source}"
                : Settle(note.Id, files, found);
        });
    }

    /// <summary>Shows them, with what a running host says of each.</summary>
    public async Task ListAsync(LoadedAdapters loaded, CancellationToken ct)
    {
        var refused = new List<string>();
        var found = PluginFolder.Scan(root, (name, version, problem) => refused.Add($"{name,-16} {version ?? "-",-12} not usable: {problem}"));
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
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>, <see cref="Problem.Invalid"/>, <see cref="Problem.Unavailable"/> another
    /// command is working, <see cref="Problem.Refused"/> the files cannot be removed.</exception>
    public void Remove(string name, string? version)
    {
        if (!AdapterBuild.AdapterRules.IsName(name) || (version is not null && !AdapterBuild.AdapterRules.IsVersion(version)))
        {
            throw new CalicoException(Problem.Invalid, $"'{name}'{(version is null ? "" : $" '{version}'")} is not an adapter's name and version", "name");
        }

        var folder = version is null ? Path.Combine(root, name) : Path.Combine(root, name, version);
        if (!Directory.Exists(folder))
        {
            throw new CalicoException(Problem.NotFound, $"adapter '{name}'{(version is null ? "" : " " + version)} is not installed in {root}", "name");
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

    private async Task<PackageNote> FillAsync(string source, string staging, string files, CancellationToken ct)
    {
        // A folder may be called as a package is: an adapter's project beside its packages.
        if (Directory.Exists(source) && (source.Contains('/', StringComparison.Ordinal) || source is "." || Directory.GetFiles(source, "*.deps.json").Length > 0))
        {
            if (Directory.GetFiles(source, "*.deps.json").Length != 1)
            {
                // Before it is copied: it may be anybody's home, or hold the folder that is installed to.
                throw AdapterIdentity.HasNotOneMain(source);
            }

            AdapterPackage.CheckSize(source, new DirectoryInfo(source).EnumerateFiles("*", SearchOption.AllDirectories).Select(f => f.Length));
            Copy(source, files);
            return new("", "", Path.GetFullPath(source), "");
        }

        if (!File.Exists(source))
        {
            return await FetchAsync(NewFeeds(), source, staging, files, ct);
        }

        var (identity, hash) = await AdapterPackage.UnpackAsync(source, source, files, RequireSignatures, ct);
        return new(identity.Id, identity.Version.ToNormalizedString(), Path.GetFullPath(source), hash);
    }

    private PackageFeeds NewFeeds() => new(Feeds, Environment.CurrentDirectory, FeedPatience);

    private async Task<PackageNote> FetchAsync(PackageFeeds feeds, string source, string staging, string files, CancellationToken ct)
    {
        if (source.Contains('/', StringComparison.Ordinal) || source.EndsWith(".nupkg", StringComparison.OrdinalIgnoreCase))
        {
            throw new CalicoException(Problem.NotFound, $"there is no package or folder '{source}'", "source");
        }

        var (id, version) = source.Split('@', 2) is [var name, var text]
            ? (name, NuGetVersion.TryParse(text, out var parsed) ? parsed : throw new CalicoException(Problem.Invalid, $"'{text}' in '{source}' is no version such as 1.2.3", "source"))
            : (source, null);
        if (!NuGet.Packaging.PackageIdValidator.IsValidPackageId(id))
        {
            throw new CalicoException(Problem.Invalid, $"'{source}' is no file, no folder, and '{id}' is no package id", "source");
        }

        var (file, feed, asked) = await feeds.FetchAsync(id, version, staging, ct);
        var (identity, hash) = await AdapterPackage.UnpackAsync(file, $"package {asked.Id} {asked.Version} of {feed}", files, RequireSignatures, ct);
        return identity.Equals(asked) ? new(identity.Id, identity.Version.ToNormalizedString(), feed, hash)
            : throw new CalicoException(Problem.Invalid, $"{feed} was asked for package {asked.Id} {asked.Version} and handed out {identity.Id} {identity.Version}", "source");
    }

    /// <summary>Checked before it is where the host looks, there in one step.</summary>
    private string Settle(string source, string files, PackageNote note)
    {
        foreach (var file in Directory.EnumerateFiles(files, "*", SearchOption.AllDirectories))
        {
            File.SetUnixFileMode(file, AtomicFile.Readable);
        }

        var (name, version) = AdapterIdentity.Read(files, source);
        PluginFolder.Open(name, files);
        var target = Path.Combine(root, name, version);
        if (Directory.Exists(target))
        {
            return PluginFolder.HasSameFiles(files, target, except: PackageNote.FileName) ? $"adapter '{name}' {version} is installed already"
                : throw new CalicoException(Problem.AlreadyExists, $"adapter '{name}' {version} is installed with other contents: a version's bytes do not change; give the new one another version, or calico-host plugin remove {name} {version}", "source");
        }

        if (DryRun)
        {
            return $"would install adapter '{name}' {version} in {target}";
        }

        note.WriteTo(files);
        File.SetUnixFileMode(Path.Combine(files, PackageNote.FileName), AtomicFile.Readable);
        var adapter = Path.GetDirectoryName(target)!;
        if (Directory.Exists(adapter))
        {
            Directory.Move(files, target);
        }
        else
        {
            // With its folder: one without a version would be a fault to a host that looks now, or after a crash.
            var first = Directory.CreateDirectory(files + "-of-adapter", AtomicFile.Folder).FullName;
            Directory.Move(files, Path.Combine(first, version));
            Directory.Move(first, adapter);
        }

        return $"installed adapter '{name}' {version} in {target}; it is loaded when the host starts again";
    }

    private async Task StageAsync(string source, Func<string, Task<string>> work)
    {
        var isNewRoot = !Directory.Exists(root);
        try
        {
            Directory.CreateDirectory(root, AtomicFile.Folder);
            using (Lock())
            {
                // Of one that was interrupted: nobody else works here now.
                foreach (var left in Directory.GetDirectories(root, StagingPrefix + "*"))
                {
                    Directory.Delete(left, recursive: true);
                }

                var staging = Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"{StagingPrefix}-{Environment.ProcessId}"));
                try
                {
                    Directory.CreateDirectory(staging, AtomicFile.Folder);
                    output.WriteLine(await work(staging));
                }
                finally
                {
                    // On a full disk it was never there.
                    if (Directory.Exists(staging))
                    {
                        Directory.Delete(staging, recursive: true);
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Refused, $"'{source}' cannot be installed: {e.Message}", "source", e);
        }
        finally
        {
            if (isNewRoot && Directory.Exists(root) && Directory.GetDirectories(root).Length == 0)
            {
                Directory.Delete(root, recursive: true);
            }
        }
    }

    private FileLock Lock() => FileLock.TryAcquireFolder(root)
        ?? throw new CalicoException(Problem.Unavailable, $"another calico-host plugin command is working in {root}; try again when it has ended", "plugin");

    private static void Copy(string folder, string to)
    {
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            var path = Path.Combine(to, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, AtomicFile.Folder);
            File.Copy(file, path);
        }
    }
}
