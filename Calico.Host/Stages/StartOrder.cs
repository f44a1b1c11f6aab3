using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Settings;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Plugins;
using Calico.Host.Reporting;
using Calico.Host.Settings;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.Ipam;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The parts, made in the order data flows, and the order in which they start. Nothing is read and nothing runs before its stage.
/// </summary>
internal static class StartOrder
{
    // A distant store that is well confirms every five seconds.
    private static readonly TimeSpan ViewLifetime = TimeSpan.FromMinutes(1);

    /// <summary>What comes after the node log, which everything stands on.</summary>
    public static IReadOnlyList<IHostStage> After(NodeLogStage node, HostSettings settings, SettingsReader reader, StartGate gate,
        HostBasis basis)
    {
        var (health, meters, time, loggers) = basis;
        var datastore = settings.Datastore.IsEmbedded ? new DatastoreKind(DatastoreType.Embedded, IsEmbedded: true)
            : new(DatastoreType.Etcd, IsEmbedded: false);
        var (name, log) = (node.NodeName, node.Engine.Log);
        var store = new StoreStage(settings, node.Engine, gate, basis);
        var options = new DataplaneOptions
        {
            NodeName = name, InterfacePrefix = settings.InterfacePrefix, RouteProtocol = settings.RouteProtocol,
                MarkMask = settings.MarkMask,
        };
        var kernel = new NodeKernel(options, basis);
        var mtu = settings.Mtu != 0 ? null : new UplinkMtu(() => AddressDetection.FindUplink(settings.Ipv4), kernel.Side.MtuOf, time);
        var facts = new NodeFacts(name, node.Machine.BootId, settings.InterfacePrefix, mtu?.Begin() ?? settings.Mtu);

        // What the store says, to those who act on it.
        var view = new DatastoreView(name, time);
        var census = new StoreCensus();
        var feed = new StoreFeed(view, Enforce);
        var snapshot = datastore.IsEmbedded ? null : new PolicySnapshot(Path.Combine(settings.DataDirectory, PolicySnapshot.FileName), log,
            time, loggers.CreateLogger<PolicySnapshot>());

        // Workloads.
        var live = new LiveReports(time);
        var ipam = new NodeIpam(store.Store, log, store.Outbox, new()
        {
            NodeName = name,
            // The embedded store is this process's own: slow is not away, and there is nothing else to serve from.
            ParkedAddresses = datastore.IsEmbedded ? 0 : 8,
            StorePatience = TimeSpan.FromMilliseconds(datastore.IsEmbedded ? 2000 : 50),
            RefusesWhileResting = !datastore.IsEmbedded,
            Facts = new HostIpamFacts(view, new StoreIpamFacts(store.Store), name, time),
            IsInUse = live.IsInUse,
        }, time, loggers.CreateLogger<NodeIpam>());
        var book = new EndpointBook();
        var publication = new EndpointPublication(store.Outbox, book, facts, time);
        var connector = new WorkloadConnector(book, ipam, log, publication, kernel.Side, facts, time,
            loggers.CreateLogger<WorkloadConnector>());
        // An embedded store tells this process at once, and says nothing while nothing changes.
        var profiles = new HostProfiles(store.Outbox, store.Store, feed, book, datastore.IsEmbedded ? TimeSpan.MaxValue : ViewLifetime,
            time, loggers.CreateLogger<HostProfiles>());
        var endpoints = new EndpointUpkeep(connector, kernel.Side, mtu, profiles.Find, basis);
        kernel.Loop.LinkGone += (_, _) => endpoints.NoteLinkGone();

        // This node in the store.
        var membership = new NodeMembership(new(store.Store, settings, name, node.Machine.MachineId, time,
            loggers.CreateLogger<NodeRegistration>()),
            AddressFollower.Of(settings, time), view, name, datastore.IsEmbedded, health, loggers.CreateLogger<NodeMembership>());
        var heartbeat = new HostHeartbeat(store.Store, name, node.Machine.MachineId, time, loggers.CreateLogger<HostHeartbeat>());
        var ownFacts = new OwnFacts(name, book, ipam);
        var upkeep = new StoreUpkeep(membership, ownFacts, profiles, ipam, connector,
            new(publication, book, store.Store, view, facts, loggers.CreateLogger<EndpointPublisher>()), store.Outbox, basis);
        var trim = new HeapTrim(time);
        var latency = new PolicyLatency(meters, time);
        latency.Follow(kernel.Loop);
        // Losses are seen before anybody acts on the batch, and made good after all have.
        var follower = new DatastoreFollower(new(store.Store, ResourceKinds.All, Syncer.DefaultPrefixes, time,
            loggers.CreateLogger<Syncer>()), datastore, view,
            [ownFacts, latency, feed, new BlockCensus(health), .. snapshot is null ? [] : (IStoreFollower[])[snapshot],
                new PolicyGap(kernel.Loop), upkeep, endpoints, trim], basis);

        var statuses = new EndpointStatusWriter(store.Store, name, () => EndpointReporting.Read(view, name), StatusesAsync, basis);
        var information = Kinds.ClusterInformation.Path(Kinds.ClusterInformation.Key("default"));
        var lastKnown = new LastKnown(snapshot, ct => store.Store.GetAsync(information, 0, ct), feed, profiles.Pending, Enforce, time);

        // Who may ask what.
        var status = new HostStatus(name, view, health, gate, () => kernel.Loop.Status);
        var contracts = new AdapterContracts
        {
            Connector = connector, Ipam = ipam, Profiles = profiles, Status = status, View = view, Gate = gate, Log = log,
                Store = store.Store, Meters = meters, Timings = basis.Timings,
        };
        var roster = new PluginRoster(settings.PluginDirectory, settings.Adapters.Enabled, settings.DataDirectory, reader,
            new(contracts.AddTo), health, loggers);
        var adapters = new AdapterStage(roster, reader, gate, loggers.CreateLogger<AdapterStage>());
        var readiness = new ReadinessRoutes(status, health, meters, time);
        var counters = new KernelCounters(kernel.Loop.ReadCountersAsync, meters);
        var kernelHealth = new KernelHealth(() => kernel.Loop.Status, counters, health, meters, time);
        kernelHealth.Follow(kernel.Loop, kernel.Forward, health);
        var drops = new DropLog(book, time);
        kernel.Loop.Dropped += (_, packet) => drops.Note(packet);
        var endpointReports = new EndpointReports(book, census, kernel.Loop, meters);
        var leases = new LeaseReports(ipam, view, book, () => kernel.Side.Links());
        var statusRoutes = new StatusRoutes([readiness, follower, endpointReports, leases, adapters, kernelHealth.Warnings, kernelHealth,
            basis.Timings], time);

        return
        [
            // First, on another core: what it has compiled the others need not wait for.
            new RehearsalStage(settings.Sockets.RunDirectory, basis),
            adapters,
            new NoticeStage(settings.Adapters.NotifySocket, loggers.CreateLogger<NoticeStage>()),
            store,
            new ControlStage(settings.Sockets.Control,
                [readiness, statusRoutes, endpointReports, leases, kernelHealth, drops,
                new RuleReports(counters, meters), new InterfaceReports(name, kernel.Loop)],
                new(meters, health, loggers), settings.MetricsEndpoint(), loggers),
            new DataplaneStage(kernel, connector, lastKnown, node.Machine.BootId, basis),
            new SyncStage(follower, lastKnown, snapshot, trim, datastore, basis),
            new RegistrationStage(membership, heartbeat, datastore, basis),
            new WorkloadStage(ipam, connector, upkeep, endpoints, statuses, basis),
            new ReadyStage(gate, name, datastore, book, basis),
            new LiveStage(roster, live, connector, settings.Adapters.LiveInterval, basis),
        ];

        // What is not read to its end yet is not down.
        async Task<ImmutableDictionary<string, string>?> StatusesAsync(string region, CancellationToken ct) =>
            view.Sync.Status == SyncStatus.InSync && kernel.Loop.Status is { EnforcedRevision: > 0 } dataplane
                ? EndpointStatuses.Of(region, name, book.All, await kernel.Loop.ListHostEndpointsAsync(ct), dataplane.LastError is not null)
                : null;

        void Enforce(SyncBatch batch)
        {
            census.Accept(batch);
            kernel.Loop.Accept(batch);
        }
    }
}
