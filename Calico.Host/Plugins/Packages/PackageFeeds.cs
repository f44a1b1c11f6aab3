using Calico.Datastore.Etcd;
using NuGet.Common;
using NuGet.Configuration;
using NuGet.Packaging.Core;
using NuGet.Protocol;
using NuGet.Protocol.Core.Types;
using NuGet.Versioning;

namespace Calico.Host.Plugins.Packages;

/// <summary>Feeds of packages: folders and HTTP, those that were given or those of the NuGet.Config files above the working folder.
/// </summary>
/// <param name="given">Empty: those of NuGet.Config.</param>
/// <param name="workingFolder">Where relative folders and the search for NuGet.Config begin.</param>
/// <param name="patience">A feed that answers nothing for so long is away.</param>
internal sealed class PackageFeeds(IReadOnlyList<string> given, string workingFolder, TimeSpan patience)
{
    /// <summary>Only the feed that a package came from: the same id on another one may be anybody's.</summary>
    /// <param name="origin">As <see cref="FetchAsync"/> named it.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: it was no feed, or is none of NuGet.Config's any more.</exception>
    public PackageFeeds Of(string origin)
    {
        if (given.Count > 0)
        {
            return this;
        }

        var feed = Sources().Select(s => s.Source).FirstOrDefault(s => Shown(s) == origin) ?? (Directory.Exists(origin) ? origin : null)
            ?? throw new CalicoException(Problem.NotFound,
                $"it came from {origin}, which is no feed of NuGet.Config; say with --source where newer ones are", "--source");
        return new([feed], workingFolder, patience);
    }

    /// <summary>Fetches a package into a folder.</summary>
    /// <param name="id">Package id.</param>
    /// <param name="version">Null: the highest that is no prerelease.</param>
    /// <param name="folder">Where it goes.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The file, the feed that it came from, and what the feed says it is.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/> no feed has it; <see cref="Problem.Unavailable"/> a feed does not
    /// answer and no other has it; <see cref="Problem.Invalid"/> a feed or NuGet.Config that is none.</exception>
    public async Task<(string File, string Feed, PackageIdentity Identity)> FetchAsync(string id, NuGetVersion? version, string folder,
        CancellationToken ct)
    {
        var (sources, faults) = (Sources(), new List<string>());
        using var cache = new SourceCacheContext { NoCache = true, DirectDownload = true };
        var best = default((NuGetVersion Version, FindPackageByIdResource Resource, string Feed)?);
        foreach (var source in sources)
        {
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
                limit.CancelAfter(patience);
                var resource = await Repository.Factory.GetCoreV3(source).GetResourceAsync<FindPackageByIdResource>(limit.Token)
                    ?? throw new IOException("it is no feed of packages");
                var versions = await resource.GetAllVersionsAsync(id, cache, NullLogger.Instance, limit.Token);
                var found = version is null ? versions.Where(v => !v.IsPrerelease).Max() : versions.FirstOrDefault(v => v == version);
                if (found is not null && (best is null || found > best.Value.Version))
                {
                    best = (found, resource, source.Source);
                }
            }
            catch (Exception e) when (IsFeeds(e) || (e is OperationCanceledException && !ct.IsCancellationRequested))
            {
                if (version is not null && source.IsLocal
                    && Named(source.Source, $"{id}.{version.ToNormalizedString()}.nupkg") is { } asked)
                {
                    // A damaged package of the same id makes all of them unreadable; the one that was asked for may be whole.
                    return (asked, source.Source, new(id, version));
                }

                var reason = e is OperationCanceledException ? $"no answer for {patience.TotalSeconds:0} s" : Reason(e, source.Source);
                faults.Add($"{Shown(source.Source)}: {reason}");
            }
        }

        if (best is not { } chosen)
        {
            var what = $"{id}{(version is null ? "" : " " + version.ToNormalizedString())}";
            var where = string.Join(", ", sources.Select(s => Shown(s.Source)));
            throw faults.Count > 0 ? new CalicoException(Problem.Unavailable,
                $"package {what} was not found, and not every feed answered: {string.Join("; ", faults)}", "source")
                : new CalicoException(Problem.NotFound,
                    sources.Count == 0 ? $"there is no feed to look for package {what} in: give one with --source, or a file or folder"
                    : $"no package {what} in {where}", "source");
        }

        var file = Path.Combine(folder, "package.nupkg");
        await using var to = new FileStream(file, FileMode.CreateNew, FileAccess.Write);
        try
        {
            if (await chosen.Resource.CopyNupkgToStreamAsync(id, chosen.Version, to, cache, NullLogger.Instance, ct))
            {
                return (file, Shown(chosen.Feed), new(id, chosen.Version));
            }
        }
        catch (Exception e) when (IsFeeds(e))
        {
            throw new CalicoException(Problem.Unavailable,
                $"{Shown(chosen.Feed)} lists package {id} {chosen.Version}, and it cannot be fetched: {Reason(e, chosen.Feed)}",
                "source", e);
        }

        throw new CalicoException(Problem.Unavailable,
            $"{Shown(chosen.Feed)} lists package {id} {chosen.Version} and does not hand it out", "source");
    }

    private static string? Named(string folder, string name) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder)
            .FirstOrDefault(f => Path.GetFileName(f).Equals(name, StringComparison.OrdinalIgnoreCase)) : null;

    private static bool IsFeeds(Exception e) =>
        e is FatalProtocolException or PackagingException or IOException or InvalidDataException or HttpRequestException
            or UnauthorizedAccessException or System.Xml.XmlException;

    // What is thrown names the feed as it was given.
    private static string Reason(Exception e, string feed) =>
        (e.InnerException ?? e).Message.Replace(feed, Shown(feed), StringComparison.Ordinal).ReplaceLineEndings(" ");

    private List<PackageSource> Sources()
    {
        try
        {
            return given.Count > 0
                ? [.. given.Select(g => new PackageSource(g.Contains("://", StringComparison.Ordinal) ? Address(g)
                    : Existing(Path.GetFullPath(g, workingFolder))))]
                : [.. SettingsUtility.GetEnabledSources(NuGet.Configuration.Settings.LoadDefaultSettings(workingFolder))];
        }
        catch (NuGetConfigurationException e)
        {
            throw new CalicoException(Problem.Invalid, $"NuGet.Config cannot be read: {e.Message}", "source", e);
        }
    }

    private static string Address(string source) => Uri.TryCreate(source, UriKind.Absolute, out var uri)
        && (uri.Scheme is "http" or "https" or "file") ? source
        : throw new CalicoException(Problem.Invalid, $"--source {Shown(source)}: that is no address of a feed", "--source");

    private static string Existing(string folder) => Directory.Exists(folder) ? folder
        : throw new CalicoException(Problem.NotFound, $"--source {folder}: there is no such folder", "--source");

    /// <summary>Without user, password and query.</summary>
    private static string Shown(string source) => source.Contains("://", StringComparison.Ordinal) ? Secret.Mask(source) : source;
}
