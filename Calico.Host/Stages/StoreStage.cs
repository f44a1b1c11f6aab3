using Calico.Datastore.Etcd;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Settings;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The datastore: etcd, or this node's own, which then is served to others on this machine.</summary>
internal sealed partial class StoreStage : IHostStage, IDisposable
{
    /// <summary>Others on this machine wait for the workloads that wait already, but not for a start that takes long: they may be the ones
    /// who mend it.</summary>
    private static readonly TimeSpan ServeAfter = TimeSpan.FromSeconds(1);

    private readonly HostSettings _settings;
    private readonly EmbeddedEngine _engine;
    private readonly StartGate _gate;
    private readonly HostBasis _basis;
    private readonly HealthCheck _check;
    private readonly CancellationTokenSource _stopping = new();
    private readonly EtcdStore? _etcd;
    private EtcdApiServer? _server;
    private Task _serving = Task.CompletedTask;

    public StoreStage(HostSettings settings, EmbeddedEngine engine, StartGate gate, HostBasis basis)
    {
        (_settings, _engine, _gate, _basis) = (settings, engine, gate, basis);
        _etcd = settings.Datastore.IsEmbedded ? null
            : new(settings.Datastore.ToEtcd(), basis.Time, basis.Loggers.CreateLogger<EtcdStore>());
        _check = basis.Health.Check("host", "store API");
        Outbox = new(engine.Log, Store, basis.Time, basis.Loggers.CreateLogger<Outbox>());
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
            _server = EtcdApiServer.Listen(_engine, new() { SocketPath = _settings.Sockets.Store, Loopback = _settings.StoreEndpoint() },
                _basis.Loggers);
            _serving = Task.Run(() => ServeAsync(_server), CancellationToken.None);
        }
    }

    public async Task StopAsync(CancellationToken ct)
    {
        await _stopping.CancelAsync();
        await _serving;
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        Dispose();
        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }
    }

    public void Dispose() => _stopping.Dispose();

    private async Task ServeAsync(EtcdApiServer server)
    {
        try
        {
            await _gate.OpensWithinAsync(ServeAfter, _basis.Time, _stopping.Token);
            await server.ServeAsync(_stopping.Token);
            _check.Well();
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Stopped before anybody was served.
        }
        catch (Exception e)
        {
            // The top frame: workloads are served all the same. Others are refused; who waits now would wait for ever.
            Log.NotServed(_basis.Loggers.CreateLogger<StoreStage>(), e.Message);
            _check.Fail($"not served to others on this machine: {e.Message}; start calico-host again");
            _server = null;
            await server.DisposeAsync();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1015, LogLevel.Error, "the store is not served to others on this machine: {Reason}")]
        public static partial void NotServed(ILogger logger, string reason);
    }
}
