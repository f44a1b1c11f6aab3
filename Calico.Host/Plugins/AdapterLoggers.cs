using Microsoft.Extensions.Logging;

namespace Calico.Host.Plugins;

/// <summary>An adapter's loggers: what it writes stands under its name, and can have a level of its own.</summary>
/// <param name="name">The adapter's.</param>
/// <param name="host">Makes the loggers; the host's to dispose of.</param>
internal sealed class AdapterLoggers(string name, ILoggerFactory host) : ILoggerFactory
{
    /// <summary>What all categories of an adapter begin with, and no other's.</summary>
    public static string CategoryOf(string name) => $"adapter.{name}.";

    public ILogger CreateLogger(string categoryName) => host.CreateLogger(CategoryOf(name) + categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("where logs go is the host's to say");

    public void Dispose()
    {
        // The host's.
    }
}
