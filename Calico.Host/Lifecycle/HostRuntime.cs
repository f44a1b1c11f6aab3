using System.Collections.Immutable;
using System.Diagnostics;
using Calico.Datastore.Etcd;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Dataplane;
using Calico.EmbeddedStore;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Plugins;
using Calico.Host.Settings;
using Calico.Host.Workloads;
using Calico.Ipam;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Lifecycle;

/// <summary>The daemon: puts the parts together and takes them through their life.</summary>
/// <remarks>
/// Order of start: node log, adapters' sockets, datastore, control API, dataplane with what the node log says, sync, this node's
/// registration, addresses, collection of what died meanwhile, gate open. Stop runs backwards, goes on over errors, and leaves the
/// kernel as it is: forwarding and enforcing.
/// </remarks>
public sealed partial class HostRuntime(HostSettings settings, SettingsReader reader, ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger<HostRuntime>();
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly HealthBoard _health = new();
    private readonly StartGate _gate = new();
    private readonly Stopwatch _uptime = Stopwatch.StartNew();
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<(string Name, Func<ValueTask> Stop)> _stops = [];
    private readonly List<Task> _loops = [];

    /// <summary>Starts everything; returns when workloads can be connected, or when the store is away and the last known state is
    /// enforced.</summary>
    /// <exception cref="CalicoException">What has to be mended first, in words.</exception>
    public async Task StartAsync(CancellationToken ct)
    {
        var machine = MachineIdentity.Read();
        MakeDirectory(settings.DataDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, "CALICO_DATA_DIR");
        // Not left to whoever binds the first socket there: that may be nobody, or an adapter that is not installed.
        MakeDirectory(settings.RunDirectory, Commands.AtomicFile.Folder, "CALICO_RUN_DIR");
        var nodeFile = Path.Combine(settings.DataDirectory, "nodename");
        var nodeName = NodeName.Determine(settings.NodeName, nodeFile, () => System.Net.Dns.GetHostName());

        var engine = await EmbeddedEngine.OpenAsync(new()
        {
            Path = Path.Combine(settings.DataDirectory, "calico.db"),
            MachineId = machine.MachineId,
            NodeName = nodeName,
            Adopt = settings.AdoptStore,
            BoundToName = [EndpointRecord.Section, .. NodeIpam.BoundToName],
            HowToAdopt = "start once with CALICO_ADOPT_STORE=true",
        }, _time, loggers.CreateLogger<EmbeddedEngine>(), ct);
        _stops.Add(("node log", engine.DisposeAsync));
        if (!File.Exists(nodeFile) || File.ReadAllText(nodeFile) != nodeName)
        {
            Commands.AtomicFile.Write(nodeFile, System.Text.Encoding.UTF8.GetBytes(nodeName), Commands.AtomicFile.Readable);
        }

        var embedded = settings.IsEmbedded();
        var store = embedded ? engine.Store : OpenEtcd();
        if (!embedded)
        {
            _stops.Add(("etcd", store.DisposeAsync));
        }

        var parts = new HostParts(settings, nodeName, machine, engine.Log, store, embedded, _health, _gate, _time, loggers);
        var roster = new PluginRoster(settings.PluginDirectory, settings.EnabledPlugins, settings.DataDirectory, reader,
            new(parts.AddContracts), _health, loggers);
        roster.Load();
        _stops.Add(("adapters", async () =>
        {
            await roster.StopAsync(CancellationToken.None);
            await roster.DisposeAsync();
        }));
        await roster.StartAsync(ct);

        if (embedded)
        {
            _gate.Reason = "the store's socket is being bound";
            var server = await EtcdApiServer.StartAsync(engine, new()
            {
                SocketPath = Path.Combine(settings.RunDirectory, "store.sock"),
                Loopback = settings.StoreEndpoint(),
            }, loggers, ct);
            _stops.Add(("store API", server.DisposeAsync));
        }

        var control = await ControlApi.StartAsync(Path.Combine(settings.RunDirectory, "host.sock"), Sources(parts, roster), loggers, ct);
        _stops.Add(("control API", control.DisposeAsync));

        _gate.Reason = "the kernel's tables are being read";
        await parts.StartDataplaneAsync(ct);
        _stops.Add(("dataplane", parts.DisposeAsync));
        _loops.Add(Guard("dataplane", ct => parts.Dataplane.Completion.WaitAsync(ct)));

        _gate.Reason = $"the datastore ({Datastore}) does not answer yet";
        _loops.Add(Guard("sync", parts.SyncAsync));
        if (!embedded)
        {
            _loops.Add(Guard("snapshot", parts.Snapshot.RunAsync));
        }

        _loops.Add(Guard("heartbeat", parts.HeartbeatAsync));
        await parts.RegisterAsync(isStart: true, ct);
        _gate.Reason = "addresses are being loaded";
        await parts.Ipam.LoadAsync(ct);
        await parts.Connector.CollectDeadAsync(ct);
        _loops.Add(Guard("maintenance", parts.MaintainAsync));
        _loops.Add(Guard("collection", parts.CollectAsync));
        _gate.Open();
        _health.Report("host", "start", true, "", neededForReady: true);
        Log.Ready(_logger, ThisVersion.Text, nodeName, Datastore, parts.Book.Count, _uptime.ElapsedMilliseconds);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (var loop in _loops)
        {
            await loop;
        }

        _stops.Reverse();
        foreach (var (name, stop) in _stops)
        {
            try
            {
                await stop();
            }
            catch (Exception e)
            {
                // Everything is stopped, even if one part fails.
                Log.StopFailed(_logger, name, e.Message);
            }
        }

        _stops.Clear();
        _stopping.Dispose();
    }

    private string Datastore => settings.IsEmbedded() ? DatastoreChoice.Embedded : DatastoreChoice.Etcd;

    private EtcdStore OpenEtcd() => new(new EtcdOptions
    {
        Endpoints = EtcdOptions.ParseEndpoints(settings.EtcdEndpoints, "ETCD_ENDPOINTS"),
        CaFile = Optional(settings.EtcdCaCertFile),
        CertFile = Optional(settings.EtcdCertFile),
        KeyFile = Optional(settings.EtcdKeyFile),
        Username = Optional(settings.EtcdUsername),
        Password = settings.EtcdPassword,
    }, _time, loggers.CreateLogger<EtcdStore>());

    private static string? Optional(string text) => text.Length == 0 ? null : text;

    private ControlSources Sources(HostParts parts, PluginRoster roster) => new(
        async ct => new()
        {
            Node = parts.Node.NodeName,
            Version = ThisVersion.Text,
            UptimeSeconds = Math.Round(_uptime.Elapsed.TotalSeconds, 1),
            Ready = NotReady(parts).IsEmpty,
            Reasons = NotReady(parts),
            Datastore = new(Datastore, parts.View.Sync.Status.ToString(), parts.Dataplane.EnforcedRevision, Math.Round(parts.View.Sync.Age.TotalSeconds, 1)),
            Endpoints = parts.Reports().GroupBy(e => e.State).ToImmutableSortedDictionary(g => g.Key, g => g.Count()),
            Warnings = parts.Warnings(),
            NotEnforced = parts.Census.Idle,
            Addresses = await parts.AddressesAsync(ct),
            Health = _health.Lines,
            Plugins = [.. roster.Plugins.Select(p => new PluginReport(p.Folder.Name, p.Folder.Version))],
            Drops = await parts.Dataplane.ReadDropsAsync(ct),
        },
        () => NotReady(parts),
        parts.Reports,
        async ct => [.. (await parts.Ipam.ListAsync(null, null, ct)).Select(l => new LeaseReport(l.Address.ToString(), l.Handle, l.Purpose.ToString(),
            l.Adapter, l.Owner, l.BoundTo?.ToString(), l.Since))],
        parts.Dataplane.ReadDropsAsync,
        ct => MetricsText.WriteAsync(parts, _health, _uptime.Elapsed, ct),
        parts.AuditAsync,
        parts.DescribeAsync);

    private ImmutableArray<string> NotReady(HostParts parts) =>
        _gate.IsOpen ? parts.Status.CanConnect.Reasons : [$"host: {_gate.Reason}", .. parts.Status.CanConnect.Reasons];

    // A loop that ends by an error is a fault of ours: it is said, the node turns unready, what stands in the kernel stays.
    private async Task Guard(string name, Func<CancellationToken, Task> loop)
    {
        try
        {
            await Task.Run(() => loop(_stopping.Token));
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            _health.Report("host", name, false, $"ended by {e.GetType().Name}: {e.Message}", neededForReady: true);
            Log.LoopEnded(_logger, name, e);
        }
    }

    private static void MakeDirectory(string path, UnixFileMode mode, string setting)
    {
        try
        {
            Directory.CreateDirectory(path, mode);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Refused, $"{path} cannot be made: {e.Message}", setting, e);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Information, "calico-host {Version} ready: node {Node}, datastore {Datastore}, {Endpoints} endpoints, after {Milliseconds} ms")]
        public static partial void Ready(ILogger logger, string version, string node, string datastore, int endpoints, long milliseconds);

        [LoggerMessage(1002, LogLevel.Warning, "{Part} did not stop well: {Reason}")]
        public static partial void StopFailed(ILogger logger, string part, string reason);

        [LoggerMessage(1003, LogLevel.Error, "the {Loop} loop ended; a restart of the host is needed")]
        public static partial void LoopEnded(ILogger logger, string loop, Exception reason);
    }
}
