using Calico.Datastore.Etcd;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.Host.Node;
using Calico.Host.Settings;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The datastore: etcd, or this node's own, which then is served to others on this machine.</summary>
internal sealed class StoreStage : IHostStage
{
    private readonly HostSettings _settings;
    private readonly EmbeddedEngine _engine;
    private readonly ILoggerFactory _loggers;
    private readonly EtcdStore? _etcd;
    private EtcdApiServer? _server;

    public StoreStage(HostSettings settings, EmbeddedEngine engine, TimeProvider time, ILoggerFactory loggers)
    {
        (_settings, _engine, _loggers) = (settings, engine, loggers);
        _etcd = settings.Datastore.IsEmbedded ? null : new(settings.Datastore.ToEtcd(), time, loggers.CreateLogger<EtcdStore>());
        Outbox = new(engine.Log, Store, time, loggers.CreateLogger<Outbox>());
    }

    public string Name => "datastore";

    public string Doing => _etcd is null ? "the store's socket is being bound" : "the way to the datastore is being prepared";

    /// <summary>Where resources live. etcd is not reached before somebody asks it.</summary>
    public IKeyValueStore Store => _etcd ?? _engine.Store;

    /// <summary>What this node knows before the store does.</summary>
    public Outbox Outbox { get; }

    public async Task StartAsync(CancellationToken ct)
    {
        await FormerJournals.TakeOverAsync(_engine.Log, Outbox, ct);
        if (_etcd is null)
        {
            _server = await EtcdApiServer.StartAsync(_engine, new()
            {
                SocketPath = _settings.Sockets.Store,
                Loopback = _settings.StoreEndpoint(),
            }, _loggers, ct);
        }
    }

    public async Task StopAsync(CancellationToken ct)
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }
    }
}
