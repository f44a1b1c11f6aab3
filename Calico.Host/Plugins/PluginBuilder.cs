using Calico.Datastore.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Calico.Host.Plugins;

/// <summary>Collects what an adapter registers.</summary>
internal sealed class PluginBuilder(string name, SettingsReader settings, IServiceCollection services) : IPluginBuilder
{
    private readonly List<ListenerSpec> _listeners = [];

    public IServiceCollection Services => services;

    public IReadOnlyList<ListenerSpec> Listeners => _listeners;

    public T Settings<T>() where T : class, new() => settings.ReadPlugin<T>(name);

    public void Listen(ListenerSpec listener)
    {
        if (_listeners.Any(l => l.Name == listener.Name))
        {
            throw new CalicoException(Problem.Invalid, $"adapter '{name}' asks twice for a listener '{listener.Name}'", listener.Name);
        }

        _listeners.Add(listener);
    }
}
