using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Dataplane;
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

    // What a distant store is given before the start goes on without it. A node that was registered by an earlier start has little to
    // say to it and workloads that wait: their ADDs are served from what the node log holds.
    private static readonly TimeSpan NewNodePatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KnownNodePatience = TimeSpan.FromMilliseconds(250);

    private readonly HostSettings settings;
    private readonly MachineIdentity machine;
    private readonly INodeLog log;
    private readonly IKeyValueStore store;
    private readonly bool embedded;
    private readonly HealthBoard health;
    private readonly StartGate gate;
    private readonly TimeProvider time;
    private readonly ILoggerFactory loggers;
    private readonly ILogger logger;
    private readonly NamespaceBroker broker = new();
    private readonly WorkloadWiring wiring;
    private readonly KernelSide kernel;
    private readonly EndpointPublisher publisher;
    private readonly HostProfiles profiles;
    private readonly HostNamespaces namespaces = new();
    private readonly SemaphoreSlim wake = new(0, 1);
    private readonly SemaphoreSlim collect = new(0, 1);

    public HostParts(HostSettings settings, string nodeName, MachineIdentity machine, INodeLog log, IKeyValueStore store, bool embedded,
        HealthBoard health, StartGate gate, TimeProvider time, ILoggerFactory loggers)
    {
        (this.settings, this.machine, this.log, this.store, this.embedded) = (settings, machine, log, store, embedded);
        (this.health, this.gate, this.time, this.loggers) = (health, gate, time, loggers);
        logger = loggers.CreateLogger<HostParts>();
        Node = new(nodeName, machine.BootId, settings.InterfacePrefix, MtuOf(settings));
        View = new(nodeName, time);
        Snapshot = new(log, loggers.CreateLogger<PolicySnapshot>());
        // The embedded store is this process's own: slow is not away, and there is nothing else to serve from.
        Ipam = new(store, log, new() { NodeName = nodeName, ParkedAddresses = embedded ? 0 : 8, StorePatience = TimeSpan.FromMilliseconds(embedded ? 2000 : 50), Facts = new HostIpamFacts(View, new StoreIpamFacts(store), nodeName, time) }, time, loggers.CreateLogger<NodeIpam>());
        var options = new DataplaneOptions
        {
            NodeName = nodeName,
            InterfacePrefix = settings.InterfacePrefix,
            RouteProtocol = settings.RouteProtocol,
            MarkMask = MarkMaskOf(settings),
        };
        var network = new HostNetwork(broker);
        Dataplane = new(options, network, time, loggers);
        wiring = new(Dataplane, network, options, time, loggers);
        kernel = new(Dataplane, wiring);
        Dataplane.LinkGone += (_, _) => Wake(collect);
        Connector = new(Book, Ipam, log, store, kernel, Node, time, loggers.CreateLogger<WorkloadConnector>());
        publisher = new(Book, store, View, Node, time, loggers.CreateLogger<EndpointPublisher>());
        profiles = new(log, store, View, Book, Dataplane.Accept, time, loggers.CreateLogger<HostProfiles>());
        Status = new(nodeName, View, health, () => (Dataplane.EnforcedRevision, Dataplane.InSync));
    }

    public NodeFacts Node { get; }

    public EndpointBook Book { get; } = new();

    public DatastoreView View { get; }

    public PolicySnapshot Snapshot { get; }

    public NodeIpam Ipam { get; }

    public DataplaneLoop Dataplane { get; }

    public WorkloadConnector Connector { get; }

    public HostStatus Status { get; }

    /// <summary>The contracts an adapter's container holds.</summary>
    public void AddContracts(string adapter, IServiceCollection services)
    {
        var workloads = new AdapterWorkloads(adapter, Connector, gate);
        services.AddSingleton<IWorkloadNetwork>(workloads);
        services.AddSingleton<IWorkloadDataplane>(workloads);
        services.AddSingleton<IIpam>(new AdapterIpam(adapter, Ipam, gate));
        services.AddSingleton<IPluginState>(new PluginState(adapter, log, store));
        services.AddSingleton<INetworkNamespaces>(namespaces);
        services.AddSingleton<IProfiles>(profiles);
        services.AddSingleton<IHostStatus>(Status);
    }

    /// <summary>The kernel as the node log says it should be, closed where policy is not known yet.</summary>
    public async Task StartDataplaneAsync(CancellationToken ct)
    {
        Connector.Restore(e =>
        {
            // Kept in the log for a person; its interface is unknown to the rules and therefore closed.
            health.Report("host", "node log", false, e.Message);
            Log.BadRecord(logger, e.Message);
        });
        await Dataplane.StartAsync(ct);
        var placed = Book.All.Where(l => l.Record.Placed && l.Record.BootId == machine.BootId && kernel.LinkExists(l.Record.HostInterface)).ToList();
        await Dataplane.SetInitialAsync([.. placed.Select(l => LocalEndpoints.From(l.Record))], ct);
        if (!embedded && Snapshot.Read() is { } snapshot)
        {
            View.Accept(snapshot);
            Dataplane.Accept(snapshot);
        }

        if (profiles.Pending() is { IsEmpty: false } pending)
        {
            Dataplane.Accept(new(SyncStatus.Resync, 0, pending));
        }

        await Connector.AdoptAsync(ct);
    }

    /// <summary>Follows the datastore until cancelled.</summary>
    public async Task SyncAsync(CancellationToken ct)
    {
        var syncer = new Syncer(store, ResourceKinds.All, Syncer.DefaultPrefixes, time, loggers.CreateLogger<Syncer>());
        await foreach (var batch in syncer.RunAsync(ct))
        {
            var before = View.Sync.Status;
            View.Accept(batch);
            Dataplane.Accept(batch);
            if (!embedded)
            {
                Snapshot.Accept(batch);
            }

            if (batch.Status == SyncStatus.InSync && before != SyncStatus.InSync)
            {
                Wake(wake);
            }
        }
    }

    /// <summary>Registers this node; with a distant store that is away it is tried again by the maintenance loop.</summary>
    public async Task RegisterAsync(CancellationToken ct)
    {
        try
        {
            // Only this machine's own log can have told: one of another machine is refused before.
            var isKnown = View.Find(new("Node", "", Node.NodeName)) is not null;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(embedded ? TimeSpan.FromSeconds(30) : isKnown ? KnownNodePatience : NewNodePatience);
            await new NodeRegistration(store, settings, Node.NodeName, machine.MachineId, time, loggers.CreateLogger<NodeRegistration>()).RunAsync(limit.Token);
            health.Report("host", "registration", true, "");
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is OperationCanceledException or CalicoException { Problem: Problem.Unavailable })
        {
            health.Report("host", "registration", false, "the datastore does not answer; tried again");
            Log.RegisterLater(logger, e.Message);
        }
    }

    /// <summary>Repairs what the store missed: every ten seconds, and at once when it comes back.</summary>
    public async Task MaintainAsync(CancellationToken ct)
    {
        while (true)
        {
            await wake.WaitAsync(MaintenanceInterval, ct);
            await TryAsync("store upkeep", async () =>
            {
                if (health.Lines.Any(l => l is { Part: "host", Check: "registration", Ok: false }))
                {
                    await RegisterAsync(ct);
                }

                await profiles.ReplayAsync(ct);
                await Ipam.MaintainAsync(ct);
                await publisher.RepairAsync(ct);
            }, ct);
        }
    }

    /// <summary>Removes endpoints whose namespace died: a moment after their link went, so that a DEL that is under way comes first, and
    /// every ten seconds.</summary>
    public async Task CollectAsync(CancellationToken ct)
    {
        while (true)
        {
            if (await collect.WaitAsync(MaintenanceInterval, ct))
            {
                await Task.Delay(CollectDelay, time, ct);
            }

            await TryAsync("collection", async () =>
            {
                await Connector.CollectDeadAsync(ct);
                await kernel.TakeOrphansAsync(Book, ct);
            }, ct);
        }
    }

    /// <summary>Compares addresses, handles, endpoints and links; a line for each that does not agree.</summary>
    public async Task<ImmutableArray<string>> AuditAsync(CancellationToken ct)
    {
        var links = kernel.Links().ToHashSet();
        var lines = ImmutableArray.CreateBuilder<string>();
        foreach (var record in Book.All.Select(l => l.Record).Where(r => r.Placed && !links.Contains(r.HostInterface)))
        {
            lines.Add($"endpoint {record.Id}: its interface {record.HostInterface} is not in the kernel");
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
        await wiring.DisposeAsync();
        await Dataplane.DisposeAsync();
        broker.Dispose();
        wake.Dispose();
        collect.Dispose();
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

    private async Task TryAsync(string what, Func<Task> work, CancellationToken ct)
    {
        try
        {
            await work();
            health.Report("host", what, true, "");
        }
        catch (Exception e) when (!ct.IsCancellationRequested && e is CalicoException or OperationCanceledException)
        {
            health.Report("host", what, false, e.Message);
        }
    }

    private static int MtuOf(HostSettings settings) =>
        settings.Mtu != 0 ? settings.Mtu
        : AddressDetection.Find(settings.Ipv4 is "none" or "" ? "autodetect" : settings.Ipv4, System.Net.Sockets.AddressFamily.InterNetwork, "IP")?.Mtu ?? 1500;

    private static uint MarkMaskOf(HostSettings settings)
    {
        var text = settings.MarkMask.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? settings.MarkMask[2..] : settings.MarkMask;
        return uint.TryParse(text, System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture, out var mask) && System.Numerics.BitOperations.PopCount(mask) >= 2
            ? mask
            : throw new CalicoException(Problem.Invalid, $"FELIX_NFTABLESMARKMASK is '{settings.MarkMask}'; it has to be a hexadecimal mask of at least two bits", "FELIX_NFTABLESMARKMASK");
    }

    private static partial class Log
    {
        [LoggerMessage(1011, LogLevel.Error, "{Reason}")]
        public static partial void BadRecord(ILogger logger, string reason);

        [LoggerMessage(1012, LogLevel.Warning, "this node is registered later: {Reason}")]
        public static partial void RegisterLater(ILogger logger, string reason);
    }
}
