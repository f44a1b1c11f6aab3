using System.Collections.Immutable;
using Calico.Host.Health;
using Calico.Host.Settings;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Plugins;

/// <summary>All adapters of this host. One that cannot be loaded is named in <c>status</c>; the others work.</summary>
/// <param name="markers">Folder for the marks that survive a crash while an adapter loads.</param>
public sealed partial class PluginRoster(string root, string enabled, string markers, SettingsReader settings, PluginContracts contracts,
    HealthBoard health, ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger<PluginRoster>();
    private ImmutableArray<LoadedPlugin> _plugins = [];

    public ImmutableArray<LoadedPlugin> Plugins => _plugins;

    /// <summary>Loads every enabled adapter and binds its sockets.</summary>
    public void Load()
    {
        Directory.CreateDirectory(markers);
        var wanted = enabled.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var folders = PluginFolder.Scan(root, (name, problem) =>
        {
            if (wanted.Length == 0 || wanted.Contains(name))
            {
                Fail(name, problem);
            }
        });
        foreach (var missing in wanted.Except(folders.Select(f => f.Name)).Where(m => health.Lines.All(l => l.Part != m)))
        {
            Fail(missing, $"it is enabled but not installed in {root}: calico-host plugin install <package or folder>");
        }

        foreach (var folder in folders.Where(f => wanted.Length == 0 || wanted.Contains(f.Name)))
        {
            LoadOne(folder);
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

    public async Task StopAsync(CancellationToken ct)
    {
        foreach (var plugin in _plugins.Reverse())
        {
            foreach (var error in await plugin.StopAsync(ct))
            {
                Log.StopFailed(_logger, plugin.Folder.Name, error.Message);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var plugin in _plugins)
        {
            await plugin.DisposeAsync();
        }
    }

    private void LoadOne(PluginFolder folder)
    {
        // A mark that is still there from last time: the process died while this version was being loaded.
        var mark = Path.Combine(markers, $"{folder.Name}-{folder.Version}");
        if (File.Exists(mark))
        {
            Fail(folder.Name, $"version {folder.Version} ended the host while it was loaded last time and is skipped; after mending it remove {mark}");
            return;
        }

        File.WriteAllText(mark, "");
        try
        {
            _plugins = _plugins.Add(LoadedPlugin.Load(folder, settings, contracts, health, loggers));
        }
        catch (CalicoException e)
        {
            Fail(folder.Name, e.Message);
        }

        File.Delete(mark);
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

        [LoggerMessage(1203, LogLevel.Warning, "adapter {Adapter} did not stop well: {Reason}")]
        public static partial void StopFailed(ILogger logger, string adapter, string reason);
    }
}
