using System.Collections.Immutable;
using System.Net.Sockets;
using Calico.Host.Health;

namespace Calico.Host.Plugins;

/// <summary>An adapter's sockets, its end and its health.</summary>
internal sealed class PluginLifetime(string name, HealthBoard health) : IPluginLifetime, IListeners, IDisposable
{
    private readonly CancellationTokenSource _draining = new();
    private ImmutableDictionary<string, BoundSocket> _sockets = ImmutableDictionary<string, BoundSocket>.Empty;

    public CancellationToken Draining => _draining.Token;

    public TimeSpan DrainTime { get; } = TimeSpan.FromSeconds(5);

    public Socket Take(string listener) => _sockets.TryGetValue(listener, out var socket)
        ? socket.Duplicate()
        : throw new CalicoException(Problem.NotFound, $"adapter '{name}' asked for no listener '{listener}'", listener);

    public void Report(string check, bool ok, string reason) => health.Report(name, check, ok, reason);

    /// <summary>Binds all or none.</summary>
    public void Bind(IEnumerable<ListenerSpec> specs)
    {
        foreach (var spec in specs)
        {
            try
            {
                _sockets = _sockets.Add(spec.Name, BoundSocket.Bind(spec));
            }
            catch
            {
                Close();
                throw;
            }
        }
    }

    public Task DrainAsync() => _draining.CancelAsync();

    public void Close()
    {
        foreach (var socket in _sockets.Values)
        {
            socket.Dispose();
        }

        _sockets = _sockets.Clear();
    }

    public void Dispose()
    {
        Close();
        _draining.Dispose();
    }
}
