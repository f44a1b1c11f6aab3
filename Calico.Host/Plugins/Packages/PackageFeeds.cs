using NuGet.Common;
using NuGet.Configuration;
using NuGet.Protocol;
using NuGet.Protocol.Core.Types;
using NuGet.Versioning;

namespace Calico.Host.Plugins.Packages;

/// <summary>Feeds of packages: folders and HTTP, those that were given or those of the NuGet.Config files above the working folder.</summary>
/// <param name="given">Empty: those of NuGet.Config.</param>
/// <param name="workingFolder">Where relative folders and the search for NuGet.Config begin.</param>
/// <param name="patience">A feed that answers nothing for so long is away.</param>
internal sealed class PackageFeeds(IReadOnlyList<string> given, string workingFolder, TimeSpan patience)
{
    /// <summary>Fetches a package into a folder.</summary>
    /// <param name="id">Package id.</param>
    /// <param name="version">Null: the highest that is no prerelease.</param>
    /// <param name="folder">Where it goes.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The file, and the feed that it came from.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/> no feed has it; <see cref="Problem.Unavailable"/> a feed does not answer and no
    /// other has it; <see cref="Problem.Invalid"/> a feed or NuGet.Config that is none.</exception>
    public async Task<(string File, string Feed)> FetchAsync(string id, NuGetVersion? version, string folder, CancellationToken ct)
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
            catch (Exception e) when (e is FatalProtocolException or IOException or HttpRequestException or UnauthorizedAccessException || (e is OperationCanceledException && !ct.IsCancellationRequested))
            {
                var reason = e is OperationCanceledException ? $"no answer for {patience.TotalSeconds:0} s" : (e.InnerException ?? e).Message;
                faults.Add($"{Shown(source.Source)}: {reason}");
            }
        }

        if (best is not { } chosen)
        {
            var what = $"{id}{(version is null ? "" : " " + version.ToNormalizedString())}";
            var where = string.Join(", ", sources.Select(s => Shown(s.Source)));
            throw faults.Count > 0 ? new CalicoException(Problem.Unavailable, $"package {what} was not found, and not every feed answered: {string.Join("; ", faults)}", "source")
                : new CalicoException(Problem.NotFound, sources.Count == 0 ? $"there is no feed to look for package {what} in: give one with --source, or a file or folder"
                    : $"no package {what} in {where}", "source");
        }

        var file = Path.Combine(folder, "package.nupkg");
        await using var to = new FileStream(file, FileMode.CreateNew, FileAccess.Write);
        if (!await chosen.Resource.CopyNupkgToStreamAsync(id, chosen.Version, to, cache, NullLogger.Instance, ct))
        {
            throw new CalicoException(Problem.Unavailable, $"{Shown(chosen.Feed)} lists package {id} {chosen.Version} and does not hand it out", "source");
        }

        return (file, Shown(chosen.Feed));
    }

    private List<PackageSource> Sources()
    {
        try
        {
            return given.Count > 0
                ? [.. given.Select(g => new PackageSource(g.Contains("://", StringComparison.Ordinal) ? g : Existing(Path.GetFullPath(g, workingFolder))))]
                : [.. SettingsUtility.GetEnabledSources(NuGet.Configuration.Settings.LoadDefaultSettings(workingFolder))];
        }
        catch (NuGetConfigurationException e)
        {
            throw new CalicoException(Problem.Invalid, $"NuGet.Config cannot be read: {e.Message}", "source", e);
        }
    }

    private static string Existing(string folder) => Directory.Exists(folder) ? folder
        : throw new CalicoException(Problem.NotFound, $"--source {folder}: there is no such folder", "--source");

    /// <summary>Without user and password.</summary>
    private static string Shown(string source) => Uri.TryCreate(source, UriKind.Absolute, out var uri) && uri.UserInfo.Length > 0
        ? new UriBuilder(uri) { UserName = "", Password = "" }.Uri.ToString() : source;
}
