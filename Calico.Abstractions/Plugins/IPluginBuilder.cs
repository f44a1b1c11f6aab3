using Microsoft.Extensions.DependencyInjection;

namespace Calico;

/// <summary>What an adapter can register with the host.</summary>
public interface IPluginBuilder
{
    /// <summary>This adapter's own container. It holds the contracts of this package, logging, <see cref="TimeProvider"/> and what the
    /// adapter adds; nothing of the host. Hosted services start after the listeners are bound and stop before they close.</summary>
    IServiceCollection Services { get; }

    /// <summary>Settings from <c>CALICO_&lt;NAME&gt;_&lt;PROPERTY&gt;</c> and the <c>plugins.&lt;name&gt;</c> section of the
    /// configuration file, environment first.</summary>
    /// <typeparam name="T">A class of settable properties: text, numbers, booleans, <see cref="TimeSpan"/>.</typeparam>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the setting's name as path.</exception>
    T Settings<T>() where T : class, new();

    /// <summary>Asks the host to bind a unix socket at start, before the store is reached, and to keep it over an adapter upgrade.
    /// </summary>
    /// <param name="listener">Names are unique within the adapter.</param>
    void Listen(ListenerSpec listener);
}
