using Microsoft.Extensions.DependencyInjection;

namespace Calico.Host.Plugins;

/// <summary>Hears what settings an adapter asks for, and gives it the defaults.</summary>
internal sealed class AskedSettings : IPluginBuilder
{
    private readonly List<object> _presets = [];

    public IReadOnlyList<object> Presets => _presets;

    public IServiceCollection Services { get; } = new ServiceCollection();

    public T Settings<T>() where T : class, new()
    {
        var preset = new T();
        _presets.Add(preset);
        return preset;
    }

    public void Listen(ListenerSpec listener)
    {
        // Nothing is bound for a question.
    }
}
