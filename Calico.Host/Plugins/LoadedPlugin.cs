using System.Collections.Immutable;
using Calico.Datastore.Settings;
using Calico.Host.Health;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Plugins;

/// <summary>An adapter in this process: its load context, its container, its sockets.</summary>
internal sealed class LoadedPlugin : IAsyncDisposable
{
    /// <summary>For calls that were cut: an undo has a deadline of its own.</summary>
    private static readonly TimeSpan UndoTime = TimeSpan.FromSeconds(10);

    private readonly PluginLifetime _lifetime;
    private readonly ServiceProvider _services;
    private readonly List<Task> _watching = [];
    private ImmutableArray<IHostedService> _started = [];

    private LoadedPlugin(PluginFolder folder, PluginLifetime lifetime, ServiceProvider services) =>
        (Folder, _lifetime, _services) = (folder, lifetime, services);

    public PluginFolder Folder { get; }

    /// <summary>The adapter's report of what runs, if it can make one.</summary>
    /// <exception cref="CalicoException">It cannot be made.</exception>
    public ILiveWorkloads? Live => Guard(Folder, "its live report", _services.GetService<ILiveWorkloads>);

    /// <summary>Loads the adapter, lets it register, and binds its sockets. Nothing of it runs yet.</summary>
    /// <exception cref="CalicoException">With the adapter's name in its message.</exception>
    public static LoadedPlugin Load(PluginFolder folder, SettingsReader settings, PluginContracts contracts, HealthBoard health,
        ILoggerFactory loggers)
    {
        var plugin = Instantiate(folder);
        var name = Guard(folder, "its name", () => plugin.Name);
        if (name != folder.Name)
        {
            throw new CalicoException(Problem.Invalid,
                $"the adapter in folder '{folder.Name}' calls itself '{name}'; the two have to agree", "plugin");
        }

        var lifetime = new PluginLifetime(name, health);
        try
        {
            var collection = new ServiceCollection();
            collection.AddSingleton<ILoggerFactory>(new AdapterLoggers(name, loggers));
            collection.TryAdd(ServiceDescriptor.Singleton(typeof(ILogger<>), typeof(Logger<>)));
            collection.AddSingleton(TimeProvider.System);
            collection.AddSingleton<IPluginLifetime>(lifetime);
            collection.AddSingleton<IListeners>(lifetime);
            contracts.Register(name, collection);
            var builder = new PluginBuilder(name, settings, collection);
            Guard(folder, "Configure", () => plugin.Configure(builder));
            Guard(folder, "its listeners", () => lifetime.Bind(builder.Listeners));
            return new(folder, lifetime, collection.BuildServiceProvider());
        }
        catch
        {
            lifetime.Dispose();
            throw;
        }
    }

    /// <summary>The settings that an adapter asks for, with their defaults. Its <c>Configure</c> is called, and nothing of it is
    /// started.</summary>
    /// <exception cref="CalicoException">As <see cref="Load"/>.</exception>
    public static ImmutableArray<(SettingAttribute Setting, string Default)> DescribeSettings(PluginFolder folder)
    {
        var plugin = Instantiate(folder);
        var asked = new AskedSettings();
        Guard(folder, "Configure", () => plugin.Configure(asked));
        return [.. asked.Presets.SelectMany(preset => preset.GetType().GetProperties().Where(p => p.CanWrite)
            .Select(p => (SettingsReader.OfPlugin(folder.Name, p), $"{p.GetValue(preset)}")))];
    }

    /// <summary>Starts its hosted services.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        foreach (var service in Guard(Folder, "its services", () => _services.GetServices<IHostedService>().ToImmutableArray()))
        {
            try
            {
                await service.StartAsync(ct);
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                // A cancellation that is not the host's is the adapter's own failure.
                throw new CalicoException(Problem.Refused, $"adapter '{Folder.Name}' does not start: {e.Message}", "plugin", e);
            }

            _started = _started.Add(service);
            if (service is BackgroundService { ExecuteTask: { } work })
            {
                _watching.Add(WatchAsync(service.GetType().Name, work));
            }
        }
    }

    /// <summary>Tells it to drain and stops what was started, backwards, while all that it stands on still works. Goes on over errors and
    /// returns them.</summary>
    public async Task<ImmutableArray<Exception>> DrainAsync(CancellationToken ct)
    {
        var errors = ImmutableArray.CreateBuilder<Exception>();
        await TryAsync(_lifetime.DrainAsync, errors);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(_lifetime.DrainTime);
        foreach (var service in _started.Reverse())
        {
            await TryAsync(() => service.StopAsync(limit.Token), errors);
        }

        _started = [];
        // Calls that were cut undo what they made; those that do not end in time are left to themselves.
        using var undo = CancellationTokenSource.CreateLinkedTokenSource(ct);
        undo.CancelAfter(UndoTime);
        await TryAsync(() => Task.WhenAll(_watching).WaitAsync(undo.Token), errors);
        return errors.ToImmutable();
    }

    /// <summary>Closes its sockets; after <see cref="DrainAsync"/>.</summary>
    public void Close() => _lifetime.Close();

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _services.DisposeAsync();
        }
        finally
        {
            _lifetime.Dispose();
        }
    }

    // Nobody else looks at it: an adapter whose work has ended would be "started" for ever.
    private async Task WatchAsync(string service, Task work)
    {
        try
        {
            await work;
            if (_lifetime.Draining.IsCancellationRequested)
            {
                return;
            }

            _lifetime.Report(service, false, "ended by itself; start calico-host again");
        }
        catch (Exception e)
        {
            if (!_lifetime.Draining.IsCancellationRequested)
            {
                _lifetime.Report(service, false, $"ended by an error: {e.Message}; start calico-host again");
            }
        }
    }

    private static async Task TryAsync(Func<Task> step, ImmutableArray<Exception>.Builder errors)
    {
        try
        {
            await step();
        }
        catch (Exception e)
        {
            errors.Add(e);
        }
    }

    private static IOrchestratorPlugin Instantiate(PluginFolder folder) => Guard(folder, "its assembly", () =>
    {
        var types = new AdapterLoadContext(folder.Assembly).LoadMain().GetExportedTypes()
            .Where(t => typeof(IOrchestratorPlugin).IsAssignableFrom(t) && t is { IsAbstract: false, IsClass: true }).ToArray();
        return types.Length == 1
            ? (IOrchestratorPlugin)Activator.CreateInstance(types[0])!
            : throw new CalicoException(Problem.Invalid,
                $"{folder.Assembly} has {types.Length} public classes that are an IOrchestratorPlugin; an adapter has one", "plugin");
    });

    // Whatever an adapter throws at load is its own fault and named so; the host goes on without it.
    private static T Guard<T>(PluginFolder folder, string what, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception e) when (e is not CalicoException)
        {
            var cause = e is System.Reflection.TargetInvocationException { InnerException: { } inner } ? inner : e;
            throw new CalicoException(Problem.Refused, $"adapter '{folder.Name}' {folder.Version}: {what} threw an error: {cause.Message}",
                "plugin", cause);
        }
    }

    private static void Guard(PluginFolder folder, string what, Action call) => Guard(folder, what, () =>
    {
        call();
        return true;
    });
}
