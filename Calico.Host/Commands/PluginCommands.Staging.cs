using System.Globalization;
using Calico.Host.Plugins;
using Calico.Host.Plugins.Packages;
using Calico.Linux;
using NuGet.Versioning;

namespace Calico.Host.Commands;

/// <content>Beside what is installed: fetched, unpacked, checked, and there in one step.</content>
internal sealed partial class PluginCommands
{
    private async Task<PackageNote> FillAsync(string source, string staging, string files, CancellationToken ct)
    {
        // A folder may be called as a package is: an adapter's project beside its packages.
        if (Directory.Exists(source)
            && (source.Contains('/', StringComparison.Ordinal) || source is "." || Directory.GetFiles(source, "*.deps.json").Length > 0))
        {
            if (Directory.GetFiles(source, "*.deps.json").Length != 1)
            {
                // Before it is copied: it may be anybody's home, or hold the folder that is installed to.
                throw AdapterIdentity.HasNotOneMain(source);
            }

            AdapterPackage.CheckSize(source, new DirectoryInfo(source).EnumerateFiles("*", SearchOption.AllDirectories)
                .Select(f => f.Length));
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
            ? (name, NuGetVersion.TryParse(text, out var parsed) ? parsed
                : throw new CalicoException(Problem.Invalid, $"'{text}' in '{source}' is no version such as 1.2.3", "source"))
            : (source, null);
        if (!NuGet.Packaging.PackageIdValidator.IsValidPackageId(id))
        {
            throw new CalicoException(Problem.Invalid, $"'{source}' is no file, no folder, and '{id}' is no package id", "source");
        }

        var (file, feed, asked) = await feeds.FetchAsync(id, version, staging, ct);
        var (identity, hash) = await AdapterPackage.UnpackAsync(file, $"package {asked.Id} {asked.Version} of {feed}", files,
            RequireSignatures, ct);
        return identity.Equals(asked) ? new(identity.Id, identity.Version.ToNormalizedString(), feed, hash)
            : throw new CalicoException(Problem.Invalid,
                $"{feed} was asked for package {asked.Id} {asked.Version} and handed out {identity.Id} {identity.Version}", "source");
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
            return PluginFolder.HasSameFiles(files, target, except: PackageNote.FileName)
                ? $"adapter '{name}' {version} is installed already"
                : throw new CalicoException(Problem.AlreadyExists,
                    $"adapter '{name}' {version} is installed with other contents: a version's bytes do not change; give the new one "
                        + $"another version, or calico-host plugin remove {name} {version}", "source");
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
        ?? throw new CalicoException(Problem.Unavailable,
            $"another calico-host plugin command is working in {root}; try again when it has ended", "plugin");

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
