using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Dataplane;
using Calico.Dataplane.Strangers;
using Calico.Dataplane.Workloads;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Plugins;
using Calico.Host.Settings;
using Calico.Host.Workloads;
using Calico.Ipam;
using Calico.Linux.Namespaces;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Lifecycle;

/// <summary>The parts behind the contracts, made in the order data flows, and the loops that keep them true.</summary>
internal sealed partial class HostParts : IAsyncDisposable
{
    private static readonly TimeSpan MaintenanceInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CollectDelay = TimeSpan.FromSeconds(1);

    // A distant store that is well confirms every five seconds.
    private static readonly TimeSpan ViewLifetime = TimeSpan.FromMinutes(1);
    private const int UnusableShown = 5;

    // What a distant store is given before the start goes on without it. A node that was registered by an earlier start has little to
    // say to it and workloads that wait: their ADDs are served from what the node log holds.
    private static readonly TimeSpan NewNodePatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KnownNodePatience = TimeSpan.FromMilliseconds(250);

    private readonly HostSettings _settings;
    private readonly MachineIdentity _machine;
    private readonly INodeLog _log;
    private readonly IKeyValueStore _store;
    private readonly bool _embedded;
    private readonly HealthBoard _health;
    private readonly StartGate _gate;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly NamespaceBroker _broker = new();
    private readonly WorkloadWiring _wiring;
    private readonly ForwardPath _forward;
    private readonly KernelSide _kernel;
    private readonly HostProfiles _profiles;
    private readonly OwnFacts _facts;

    /// <summary>Null: a setting says it.</summary>
    private readonly UplinkMtu? _mtu;
    private readonly StoreUpkeep _upkeep;
    private readonly HostNamespaces _namespaces = new();
    private readonly UpkeepRound _round;
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly SemaphoreSlim _collect = new(0, 1);

    public HostParts(HostSettings settings, string nodeName, MachineIdentity machine, INodeLog log, IKeyValueStore store, bool embedded,
        HealthBoard health, StartGate gate, TimeProvider time, ILoggerFactory loggers)
    {
        (_settings, _machine, _log, _store, _embedded) = (settings, machine, log, store, embedded);
        (_health, _gate, _time, _loggers) = (health, gate, time, loggers);
        _logger = loggers.CreateLogger<HostParts>();
        _mtu = settings.Mtu != 0 ? null : new(() => AddressDetection.FindUplink(settings.Ipv4), l => _kernel!.MtuOf(l), time);
        _round = new(health, _logger);
        View = new(nodeName, time);
        Snapshot = new(log, time, loggers.CreateLogger<PolicySnapshot>());
        // The embedded store is this process's own: slow is not away, and there is nothing else to serve from.
        Ipam = new(store, log, new() { NodeName = nodeName, ParkedAddresses = embedded ? 0 : 8, StorePatience = TimeSpan.FromMilliseconds(embedded ? 2000 : 50), Facts = new HostIpamFacts(View, new StoreIpamFacts(store), nodeName, time) }, time, loggers.CreateLogger<NodeIpam>());
        var options = new DataplaneOptions
        {
            NodeName = nodeName,
            InterfacePrefix = settings.InterfacePrefix,
            RouteProtocol = settings.RouteProtocol,
            MarkMask = settings.MarkBits(),
        };
        var network = new HostNetwork(_broker);
        Dataplane = new(options, network, time, loggers);
        _forward = new(network, options, time, loggers, Dataplane.ListAddressesAsync);
        _forward.Changed += (_, _) => _health.Report("dataplane", "forward path", _forward.Problems.IsEmpty, string.Join("; ", _forward.Problems));
        _wiring = new(Dataplane, network, options, time, loggers);
        _kernel = new(Dataplane, _wiring);
        Node = new(nodeName, machine.BootId, settings.InterfacePrefix, _mtu?.Begin() ?? settings.Mtu);
        Dataplane.Changed += (_, _) => health.Report("dataplane", "kernel", Dataplane.LastError is null, Dataplane.LastError?.Split('\n')[0] ?? "");
        Dataplane.LinkGone += (_, _) => Wake(_collect);
        Connector = new(Book, Ipam, log, store, _kernel, Node, time, loggers.CreateLogger<WorkloadConnector>());
        var publisher = new EndpointPublisher(Book, store, View, Node, time, loggers.CreateLogger<EndpointPublisher>());
        Feed = new(View, Enforce);
        // An embedded store tells this process at once, and says nothing while nothing changes.
        _profiles = new(log, store, Feed, Book, embedded ? TimeSpan.MaxValue : ViewLifetime, time, loggers.CreateLogger<HostProfiles>());
        _facts = new(nodeName, Book, Ipam);
        _upkeep = new(nodeName, ct => RegisterAsync(isStart: false, ct), View, _profiles, Ipam, Connector, publisher,
            AddressFollower.Of(settings, time), health);
        Status = new(nodeName, View, health, () => (Dataplane.EnforcedRevision, Dataplane.InSync));
    }

    public NodeFacts Node { get; }

    public EndpointBook Book { get; } = new();

    public DatastoreView View { get; }

    public StoreFeed Feed { get; }

    public PolicySnapshot Snapshot { get; }

    public StoreCensus Census { get; } = new();

    public NodeIpam Ipam { get; }

    public DataplaneLoop Dataplane { get; }

    public WorkloadConnector Connector { get; }

    public HostStatus Status { get; }

    /// <summary>The contracts an adapter's container holds.</summary>
    public void AddContracts(string adapter, IServiceCollection services)
    {
        var workloads = new AdapterWorkloads(adapter, Connector, _gate, View);
        services.AddSingleton<IWorkloadNetwork>(workloads);
        services.AddSingleton<IWorkloadDataplane>(workloads);
        services.AddSingleton<IIpam>(new AdapterIpam(adapter, Ipam, _gate));
        services.AddSingleton<IPluginState>(new PluginState(adapter, _log, _store));
        services.AddSingleton<INetworkNamespaces>(_namespaces);
        services.AddSingleton<IProfiles>(_profiles);
        services.AddSingleton<IHostStatus>(Status);
    }

    /// <summary>The kernel as the node log says it should be, closed where policy is not known yet.</summary>
    public async Task StartDataplaneAsync(CancellationToken ct)
    {
        Connector.Restore(e =>
        {
            // Kept in the log for a person; its interface is unknown to the rules and therefore closed.
            _health.Report("host", "node log", false, e.Message);
            Log.BadRecord(_logger, e.Message);
        });
        await Dataplane.StartAsync(ct);
        _forward.Start();
        _kernel.Adopt(Book.All.Select(l => l.Record).Where(r => r.Placed && r.BootId == _machine.BootId));
        var placed = Book.All.Where(l => l.Record.Conflict is null && Connector.HasLink(l.Record)).ToList();
        await Dataplane.SetInitialAsync([.. placed.Select(l => LocalEndpoints.From(l.Record))], ct);
        if (!_embedded && Snapshot.Read() is { } snapshot)
        {
            Feed.Remember(snapshot);
        }

        if (_profiles.Pending() is { IsEmpty: false } pending)
        {
            Enforce(new(SyncStatus.Resync, 0, pending));
        }

        await Connector.AdoptAsync(ct);
    }

    /// <summary>Follows the datastore until cancelled.</summary>
    public async Task SyncAsync(CancellationToken ct)
    {
        var syncer = new Syncer(_store, ResourceKinds.All, Syncer.DefaultPrefixes, _time, _loggers.CreateLogger<Syncer>());
        await foreach (var batch in syncer.RunAsync(ct))
        {
            var before = View.Sync.Status;
            if (_facts.Observe(batch) && before == SyncStatus.InSync)
            {
                _upkeep.NoteLoss();
                Wake(_wake);
            }

            Feed.Accept(batch);
            if (!_embedded)
            {
                Snapshot.Accept(batch);
            }

            if (!batch.Updates.IsEmpty)
            {
                ReportUnusable();
            }

            if (batch.Status == SyncStatus.InSync && before != SyncStatus.InSync)
            {
                // Until now the last known policy was enforced; there may be another for long.
                Dataplane.JudgeAgain();
                Wake(_wake);
            }
        }
    }

    /// <summary>Shows the store that this host runs, until cancelled.</summary>
    public Task HeartbeatAsync(CancellationToken ct) =>
        new HostHeartbeat(_store, Node.NodeName, _machine.MachineId, _time, _loggers.CreateLogger<HostHeartbeat>()).RunAsync(ct);

    /// <summary>Registers this node; with a distant store that is away it is tried again by the maintenance loop.</summary>
    /// <returns>Whether the store knows the node now.</returns>
    public async Task<bool> RegisterAsync(bool isStart, CancellationToken ct)
    {
        try
        {
            // Only this machine's own log can have told: one of another machine is refused before.
            var isKnown = View.Find(new("Node", "", Node.NodeName)) is not null;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(_embedded ? TimeSpan.FromSeconds(30) : isKnown ? KnownNodePatience : NewNodePatience);
            await new NodeRegistration(_store, _settings, Node.NodeName, _machine.MachineId, _time, _loggers.CreateLogger<NodeRegistration>()).RunAsync(isStart, limit.Token);
            if (isStart)
            {
                _health.Report("host", "registration", true, "");
            }

            return true;
        }
        catch (CalicoException e) when (e.Problem is Problem.Damaged or Problem.Conflict)
        {
            // One value that is not readable keeps nobody from the network; it is said until it is mended.
            _health.Report("host", "registration", false, e.Message);
            Log.RegisterLater(_logger, e.Message);
            return false;
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            _health.Report("host", "registration", false, "the datastore does not answer; tried again");
            Log.RegisterLater(_logger, e.Message);
            return false;
        }
    }

    /// <summary>Repairs what the store missed: every ten seconds, and at once when it comes back.</summary>
    public async Task MaintainAsync(CancellationToken ct)
    {
        while (true)
        {
            await _wake.WaitAsync(MaintenanceInterval, ct);
            await _round.RunAsync("store upkeep", ct, () => _profiles.ReplayAsync(ct), () => _upkeep.RunAsync(ct), () => _profiles.CollectAsync(ct));
        }
    }

    /// <summary>Removes endpoints whose namespace died: a moment after their link went, so that a DEL that is under way comes first, and
    /// every ten seconds.</summary>
    public async Task CollectAsync(CancellationToken ct)
    {
        while (true)
        {
            if (await _collect.WaitAsync(MaintenanceInterval, ct))
            {
                await Task.Delay(CollectDelay, _time, ct);
            }

            await _round.RunAsync("collection", ct,
                () => Connector.CollectDeadAsync(ct),
                () => Connector.CollectStrayLeasesAsync(ct),
                () => _kernel.TakeOrphansAsync(Book, ct));
            ReportFailed();
            await _round.RunAsync("uplink MTU", ct, () => FollowMtuAsync(ct));
        }
    }

    /// <summary>Compares addresses, handles, endpoints and links; a line for each that does not agree.</summary>
    public async Task<ImmutableArray<string>> AuditAsync(CancellationToken ct)
    {
        var links = _kernel.Links().ToHashSet();
        var lines = ImmutableArray.CreateBuilder<string>();
        foreach (var record in Book.All.Select(l => l.Record).Where(r => r.Placed && !links.Contains(r.HostInterface)))
        {
            lines.Add($"endpoint {record.Id}: its interface {record.HostInterface} is not in the kernel");
        }

        foreach (var record in Book.All.Select(l => l.Record).Where(r => r.Conflict is not null))
        {
            lines.Add($"endpoint {record.Id}: {record.Conflict}");
        }

        foreach (var link in links.Where(l => !Book.TryFindByInterface(l, out _)))
        {
            lines.Add($"interface {link}: no endpoint of this node has it");
        }

        foreach (var lease in await Ipam.ListAsync(null, null, ct))
        {
            if (lease.BoundTo is { } endpoint && !Book.TryFind(endpoint, out _))
            {
                lines.Add($"address {lease.Address}: bound to {endpoint}, which is no endpoint of this node");
            }
        }

        return lines.ToImmutable();
    }

    /// <summary>What is enforced for the endpoint with an interface, or null.</summary>
    public async Task<string?> DescribeAsync(string hostInterface, CancellationToken ct) =>
        Book.TryFindByInterface(hostInterface, out var id) ? await Dataplane.DescribeAsync(id, ct) : null;

    public async ValueTask DisposeAsync()
    {
        await Connector.DisposeAsync();
        await Ipam.DisposeAsync();
        await _forward.DisposeAsync();
        await _wiring.DisposeAsync();
        await Dataplane.DisposeAsync();
        _broker.Dispose();
        _wake.Dispose();
        _collect.Dispose();
    }

    private async Task FollowMtuAsync(CancellationToken ct)
    {
        if (_mtu is null)
        {
            return;
        }

        if (_mtu.HasChanged())
        {
            Log.MtuFollowed(_logger, _mtu.Current);
        }

        if (await Connector.FollowMtuAsync(_mtu.Current, ct) is { IsEmpty: false } left)
        {
            throw new CalicoException(Problem.Unavailable, $"the uplink's MTU is {_mtu.Current}; {string.Join("; ", left)}");
        }
    }

    private void ReportFailed()
    {
        var failed = Book.All.Where(l => l.Status.State == EndpointState.Failed).Select(l => $"{l.Record.Id}: {l.Status.Reason}").Order(StringComparer.Ordinal).ToList();
        _health.Report("host", "failed endpoints", failed.Count == 0, $"{failed.Count} endpoints have failed and are tried again: {string.Join("; ", failed.Take(UnusableShown))}");
    }

    private void ReportUnusable()
    {
        var unusable = View.Unusable;
        var shown = string.Join("; ", unusable.Take(UnusableShown).Select(u => $"{u.Key}: {u.Reason}"));
        _health.Report("datastore", "values", unusable.IsEmpty,
            $"{unusable.Length} stored values cannot be used, a profile or policy among them denies: {shown}{(unusable.Length > UnusableShown ? "; ..." : "")}; mend them: calicoctl get, replace");
    }

    private void Enforce(SyncBatch batch)
    {
        Census.Accept(batch);
        Dataplane.Accept(batch);
    }

    private static void Wake(SemaphoreSlim sleeper)
    {
        try
        {
            sleeper.Release();
        }
        catch (SemaphoreFullException)
        {
            // Awake already.
        }
    }


    private static partial class Log
    {
        [LoggerMessage(1011, LogLevel.Error, "{Reason}")]
        public static partial void BadRecord(ILogger logger, string reason);

        [LoggerMessage(1050, LogLevel.Information, "the uplink's MTU is {Mtu} now: endpoints that asked for none follow")]
        public static partial void MtuFollowed(ILogger logger, int mtu);

        [LoggerMessage(1012, LogLevel.Warning, "this node is registered later: {Reason}")]
        public static partial void RegisterLater(ILogger logger, string reason);
    }
}
