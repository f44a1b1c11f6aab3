using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Node;
using Calico.Host.Settings;
using Calico.Host.Stages;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.Ipam;
using Calico.TestKit.Store;
using Calico.TestKit.Workloads;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.UnitTests.Host;

/// <summary>The host's own parts over a store, a log and a kernel in memory. A crash makes the parts anew; the three stay.</summary>
internal sealed class HostUnderTest(string adapter, int parked, TimeProvider time) : ConformanceNode
{
    private readonly FakeNamespaces _namespaces = new(new FaultPlan());
    private int _made;
    private int _boots = 1;
    private NodeIpam _ipam = null!;

    public InMemoryStore Store { get; } = new();

    public InMemoryNodeLog Log { get; } = new();

    public FakeKernelSide Kernel { get; } = new();

    public WorkloadConnector Connector { get; private set; } = null!;

    public NodeIpam Addresses => _ipam;

    public Outbox Outbox { get; private set; } = null!;

    public PatientTime Time => (PatientTime)time;

    public HealthBoard Health { get; private set; } = null!;

    public override IWorkloadNetwork Network => Workloads;

    public override IWorkloadDataplane Dataplane => Workloads;

    public override IIpam Ipam => AdapterIpam;

    public override IProfiles Profiles => HostProfiles;

    public override string Pool => "10.65.0.0/16";

    private NodeFacts Facts => new("node1", $"boot-{_boots}", "cali", 1500);

    /// <summary>What the host has seen of the store.</summary>
    public DatastoreView View { get; private set; } = null!;

    private EndpointPublication Publication { get; set; } = null!;

    private AdapterWorkloads Workloads { get; set; } = null!;

    private AdapterIpam AdapterIpam { get; set; } = null!;

    private HostProfiles HostProfiles { get; set; } = null!;

    /// <param name="adapter">Whose endpoints.</param>
    /// <param name="parked">Addresses for when the store is dead.</param>
    /// <param name="more">Pools beside the usual one, taken only by those that name them.</param>
    public static Task<HostUnderTest> StartAsync(string adapter, int parked = 8, params string[] more) =>
        StartAsync(new PatientTime(), adapter, parked, more);

    /// <summary>One for tests of a store that hangs: half a second ends a wait for it.</summary>
    public static Task<HostUnderTest> StartImpatientAsync(string adapter, int parked = 8) =>
        StartAsync(new PatientTime { IsPatient = false }, adapter, parked, []);

    public static async Task<HostUnderTest> StartAsync(TimeProvider time, string adapter, int parked, string[] more)
    {
        var host = new HostUnderTest(adapter, parked, time);
        await host.PutAsync(new Resource<NodeSpec> { Kind = "Node", Metadata = new() { Name = "node1" } });
        await host.PutAsync(new Resource<IpPoolSpec> { Kind = "IPPool", Metadata = new() { Name = "pool" },
            Spec = new() { Cidr = host.Pool } });
        foreach (var cidr in more)
        {
            await host.PutAsync(new Resource<IpPoolSpec>
            {
                Kind = "IPPool",
                Metadata = new() { Name = "pool-" + cidr.Replace('/', '-') },
                Spec = new() { Cidr = cidr, BlockSize = Math.Max(26,
                    int.Parse(cidr.Split('/')[1], System.Globalization.CultureInfo.InvariantCulture)), NodeSelector = "has(nowhere)" },
            });
        }

        await host.MakeAsync();
        return host;
    }

    /// <summary>The same namespace for the same name.</summary>
    public NetworkNamespace OpenNamespace(string name) => _namespaces.Open($"/run/netns/{name}");

    public override NetworkNamespace CreateNamespace() => _namespaces.Open($"/run/netns/n{Interlocked.Increment(ref _made)}");

    public override Task DestroyNamespaceAsync(NetworkNamespace networkNamespace)
    {
        _namespaces.Destroy(networkNamespace.ToString());
        Kernel.LoseNamespace(networkNamespace.Identity);
        return Task.CompletedTask;
    }

    public override Task<ImmutableArray<string>> ListLinksAsync() => Task.FromResult<ImmutableArray<string>>([.. Kernel.Links]);

    public override async Task CrashAsync()
    {
        // A write that was under way may reach the disk or not; that of a dead process never comes later than the next one's first.
        await Connector.DisposeAsync();
        await _ipam.DisposeAsync();
        await MakeAsync();
    }

    public override async Task CrashInsideAsync(Func<Task> call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Kernel.At = _ =>
        {
            reached.TrySetResult();
            return Task.Delay(Timeout.Infinite);
        };
        // Never answered: the process that would have is dead.
        var dying = call();
        await Task.WhenAny(reached.Task, dying);
        if (!reached.Task.IsCompleted)
        {
            await dying;
            throw new InvalidOperationException("the call did not come to the kernel");
        }

        Kernel.At = null;
        await CrashAsync();
    }

    public override Task LoseLinkAsync(string hostInterface)
    {
        Kernel.LoseLink(hostInterface);
        return Task.CompletedTask;
    }

    /// <summary>A crash of the machine: the kernel forgets everything.</summary>
    public Task RebootAsync()
    {
        _boots++;
        Kernel.Forget();
        return CrashAsync();
    }

    public override Task KillStoreAsync()
    {
        Store.Faults.Dead = true;
        return Task.CompletedTask;
    }

    public override async Task ReviveStoreAsync()
    {
        Store.Faults.Dead = false;
        await HostProfiles.ReplayAsync(CancellationToken.None);
        await _ipam.MaintainAsync(CancellationToken.None);
        await PublishAsync(await SeeAsync());
    }

    /// <summary>What is left after the upkeep that settles doubts about a store that did not answer.</summary>
    public async Task<ImmutableArray<string>> LeftAsync()
    {
        // On a busy machine the upkeep's own transaction may take longer than it waits for a store.
        for (var tries = 0; tries == 0 || (tries < 20 && _ipam.JournalLength > 0); tries++)
        {
            await _ipam.MaintainAsync(CancellationToken.None);
        }

        await PublishAsync(await SeeAsync());
        return await LeftNowAsync();
    }

    /// <summary>What is left anywhere: links, published endpoints, records, WorkloadEndpoints, allocated addresses. Empty when nothing is.
    /// </summary>
    public async Task<ImmutableArray<string>> LeftNowAsync()
    {
        var left = ImmutableArray.CreateBuilder<string>();
        left.AddRange(Kernel.Links.Select(l => $"link {l}"));
        left.AddRange(Kernel.Published.Select(p => $"published {p}"));
        left.AddRange(Log.List(EndpointRecord.Section).Select(e => $"record {e.Key}"));
        left.AddRange((await Store.ListAsync("/calico/resources/v3/projectcalico.org/workloadendpoints/", 0, CancellationToken.None)).Items
            .Select(i => $"resource {i.Key}"));
        left.AddRange((await _ipam.ListAsync(null, null, CancellationToken.None)).Select(l => $"lease {l.Address} {l.Handle}"));
        left.AddRange((await Store.ListAsync("/calico/ipam/v2/handle/", 0, CancellationToken.None)).Items
            .Where(i => !i.Key.EndsWith("/parked.node1", StringComparison.Ordinal)).Select(i => $"handle {i.Key}"));
        return left.ToImmutable();
    }

    public override async ValueTask DisposeAsync()
    {
        Store.Faults.Hanging = false;
        await Connector.DisposeAsync();
        await _ipam.DisposeAsync();
    }

    /// <summary>The store as a sync that has just ended shows it, to a fresh view or to the one that is given.</summary>
    public async Task<DatastoreView> SeeAsync(DatastoreView? into = null)
    {
        var view = into ?? new DatastoreView("node1", TimeProvider.System);
        var syncer = new Syncer(Store, ResourceKinds.All, Syncer.DefaultPrefixes, TimeProvider.System, NullLogger.Instance);
        await foreach (var batch in syncer.RunAsync(CancellationToken.None))
        {
            view.Accept(batch);
            if (batch.Status == SyncStatus.InSync)
            {
                break;
            }
        }

        return view;
    }

    /// <summary>One round of the publisher with what it sees.</summary>
    public Task<int> PublishAsync(DatastoreView seen) =>
        new EndpointPublisher(Publication, Connector.Book, Store, seen, Facts, NullLogger<EndpointPublisher>.Instance)
            .RepairAsync(CancellationToken.None);

    /// <summary>What of the endpoints' addresses is another's, after one round of the host's upkeep.</summary>
    public async Task<ImmutableArray<HealthLine>> KeepAsync()
    {
        var seen = await SeeAsync();
        var settings = new HostSettings { Ipv4 = "none", Ipv6 = "none", Ipv4PoolCidr = Pool };
        var publisher = new EndpointPublisher(Publication, Connector.Book, Store, seen, Facts, NullLogger<EndpointPublisher>.Instance);
        using var meters = new HostMeters(NullLogger<HostMeters>.Instance);
        var membership = new NodeMembership(new(Store, settings, "node1", "machine1", TimeProvider.System,
            NullLogger<NodeRegistration>.Instance),
            new(() => (null, null), _ => true, TimeProvider.System), seen, "node1", isEmbedded: true, Health,
            NullLogger<NodeMembership>.Instance);
        var upkeep = new StoreUpkeep(membership, new("node1", Connector.Book, _ipam), HostProfiles, _ipam, Connector, publisher, Outbox,
            new(Health, meters, TimeProvider.System, NullLoggerFactory.Instance));
        await upkeep.KeepAsync(CancellationToken.None);
        return Health.Lines;
    }

    private async Task MakeAsync()
    {
        Health = new();
        Outbox = new(Log, Store, time, NullLogger<Outbox>.Instance);
        var book = new EndpointBook();
        var gate = new StartGate();
        var view = new DatastoreView("node1", TimeProvider.System);
        _ipam = new(Store, Log, Outbox, new()
        {
            NodeName = "node1", ParkedAddresses = parked, StorePatience = TimeSpan.FromMilliseconds(time is PatientTime ? 250 : 50),
            StoreDeadline = TimeSpan.FromMilliseconds(500), VerifyInterval = TimeSpan.Zero,
        }, time, NullLogger<NodeIpam>.Instance);
        Publication = new(Outbox, book, Facts, time);
        Connector = new(book, _ipam, Log, Publication, Kernel, Facts, time, NullLogger<WorkloadConnector>.Instance);
        View = view;
        AdapterIpam = new(adapter, _ipam, gate);
        HostProfiles = new(Outbox, Store, new(view, view.Accept), book, TimeSpan.MaxValue, time, NullLogger<HostProfiles>.Instance);
        Workloads = new(adapter, Connector, gate, view, HostProfiles.Find);
        Connector.Restore(e => throw e);
        await _ipam.LoadAsync(CancellationToken.None);
        await Connector.CollectDeadAsync(CancellationToken.None);
        await Connector.AdoptAsync(CancellationToken.None);

        if (!Store.Faults.Dead)
        {
            await _ipam.MaintainAsync(CancellationToken.None);
        }

        gate.Open();
    }

    private async Task PutAsync(Resource resource)
    {
        var kind = ResourceKinds.All.Named(resource.Kind);
        await Store.CommitAsync(new StoreTransaction(new StoreOperation.Put(kind.Path(kind.KeyOf(resource)), kind.Encode(resource))),
            CancellationToken.None);
    }
}
