using System.Collections.Immutable;
using Calico.Datastore.Settings;
using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Plugins;

/// <summary>All adapters of this host. One that cannot be loaded is named in <c>status</c>; the others work.</summary>
/// <param name="data">The host's own folder: for the marks that survive a crash while an adapter loads, and for the copies that run.
/// </param>
internal sealed partial class PluginRoster(string root, string enabled, string data, SettingsReader settings, PluginContracts contracts,
    HealthBoard health, ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger<PluginRoster>();
    private ImmutableArray<LoadedPlugin> _plugins = [];

    public ImmutableArray<LoadedPlugin> Plugins => _plugins;

    private string Markers => Path.Combine(data, "loading");

    private string Copies => Path.Combine(data, "loaded");

    private string CopyOf(PluginFolder folder) => Path.Combine(Copies, folder.Name, folder.Version);

    /// <summary>Loads every enabled adapter in its newest version that can be loaded, and binds its sockets.</summary>
    public void Load()
    {
        var wanted = enabled.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var refused = new List<(string Name, string? Version, string Reason)>();
        var found = Find(refused);
        foreach (var name in found.Select(f => f.Name).Concat(refused.Select(r => r.Name)).Concat(wanted).Distinct()
            .Where(n => wanted.Length == 0 || wanted.Contains(n)))
        {
            LoadNewest(name, found.Where(f => f.Name == name), [.. refused.Where(r => r.Name == name)]);
        }

        var reason = $"no adapter is installed in {root}, so no workload can be connected: calico-host plugin install <package or "
            + "folder>, then start calico-host again";
        health.Report("adapters", "installed", !_plugins.IsEmpty, found.Count + refused.Count == 0 ? reason
            : "none of the installed adapters is there; each says why");
        if (_plugins.IsEmpty)
        {
            Log.None(_logger, reason);
        }
    }

    public async Task StartAsync(CancellationToken ct)
    {
        foreach (var plugin in _plugins)
        {
            try
            {
                await plugin.StartAsync(ct);
                health.Report(plugin.Folder.Name, "adapter", true, "");
                Log.Started(_logger, plugin.Folder.Name, plugin.Folder.Version);
            }
            catch (CalicoException e)
            {
                Fail(plugin.Folder.Name, e.Message);
            }
        }
    }

    /// <summary>All at once: one that takes its time takes none of another's.</summary>
    public Task DrainAsync(CancellationToken ct) => Task.WhenAll(_plugins.Select(async plugin =>
    {
        foreach (var error in await plugin.DrainAsync(ct))
        {
            Log.StopFailed(_logger, plugin.Folder.Name, error is OperationCanceledException ? "some of its calls did not end in time"
                : error.Message);
        }
    }));

    /// <summary>Closes their sockets and ends them; after <see cref="DrainAsync"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var plugin in _plugins.Reverse())
        {
            try
            {
                plugin.Close();
                await plugin.DisposeAsync();
            }
            catch (Exception e)
            {
                // An adapter's own; the others are ended all the same.
                Log.StopFailed(_logger, plugin.Folder.Name, e.Message);
            }
        }

        _plugins = [];
    }

    private List<PluginFolder> Find(List<(string Name, string? Version, string Reason)> refused)
    {
        try
        {
            Directory.CreateDirectory(Markers);
            var found = PluginFolder.Scan(root, (name, version, problem) => refused.Add((name, version, problem)));
            // Of processes that have ended: the data directory is locked by this one.
            foreach (var copy in Directory.Exists(Copies) ? Directory.GetDirectories(Copies).SelectMany(Directory.GetDirectories) : [])
            {
                if (!found.Any(f => CopyOf(f) == copy))
                {
                    Directory.Delete(copy, recursive: true);
                }
            }

            return found;
        }
        catch (Exception e) when (e is CalicoException or IOException or UnauthorizedAccessException)
        {
            refused.Add(("adapters", null, e.Message));
            return [];
        }
    }

    private void LoadNewest(string name, IEnumerable<PluginFolder> versions, List<(string Name, string? Version, string Reason)> refused)
    {
        var isLoaded = false;
        foreach (var folder in versions)
        {
            if (TryLoad(folder) is not { } reason)
            {
                isLoaded = true;
                break;
            }

            refused.Add((name, folder.Version, reason));
        }

        foreach (var (_, version, reason) in refused.Where(_ => isLoaded))
        {
            health.Report(name, version is null ? "folder" : $"version {version}", false, $"{reason}; another version is used");
            Log.Failed(_logger, name, reason);
        }

        if (!isLoaded)
        {
            Fail(name, refused.Count > 0 ? string.Join("; ", refused.Select(r => r.Reason))
                : $"it is enabled but not installed in {root}: calico-host plugin install <package or folder>");
        }
    }

    /// <returns>Why it is not loaded; null: it is.</returns>
    private string? TryLoad(PluginFolder folder)
    {
        // A mark that is still there from last time: the process died while this version was being loaded.
        var mark = Path.Combine(Markers, $"{folder.Name}-{folder.Version}");
        if (File.Exists(mark))
        {
            return $"version {folder.Version} ended the host while it was loaded last time and is skipped; after mending it remove {mark}";
        }

        try
        {
            File.WriteAllText(mark, "");
            var copy = folder.CopyTo(CopyOf(folder));
            _plugins = _plugins.Add(LoadedPlugin.Load(copy, settings, contracts, health, loggers));
            return null;
        }
        catch (Exception e) when (e is CalicoException or IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
        finally
        {
            File.Delete(mark);
        }
    }

    private void Fail(string name, string reason)
    {
        health.Report(name, "adapter", false, reason);
        Log.Failed(_logger, name, reason);
    }

    private static partial class Log
    {
        [LoggerMessage(1201, LogLevel.Information, "adapter {Adapter} {Version} started")]
        public static partial void Started(ILogger logger, string adapter, string version);

        [LoggerMessage(1202, LogLevel.Error, "adapter {Adapter} is not there: {Reason}")]
        public static partial void Failed(ILogger logger, string adapter, string reason);

        [LoggerMessage(1270, LogLevel.Warning, "{Reason}")]
        public static partial void None(ILogger logger, string reason);

        [LoggerMessage(1203, LogLevel.Warning, "adapter {Adapter} did not stop well: {Reason}")]
        public static partial void StopFailed(ILogger logger, string adapter, string reason);
    }
}
