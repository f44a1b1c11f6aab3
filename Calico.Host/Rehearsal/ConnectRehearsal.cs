using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.EmbeddedStore;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.Ipam;
using Microsoft.Extensions.Logging.Abstractions;

namespace Calico.Host.Rehearsal;

/// <summary>A workload is connected and removed once on a store of its own, so that the first real one does not wait for the code of
/// profile, addresses, record and commit to be compiled.</summary>
/// <remarks>
/// Ahead-of-time code does not cover all of the framework's generic types with ours in them: what it leaves out of a first ADD is compiled
/// when it is first called. Nothing of the real node is touched: another store, another log, another network namespace, no log lines, no
/// metrics.
/// </remarks>
internal static class ConnectRehearsal
{
    private const string Name = "rehearsal";

    /// <param name="folder">For a small file, gone when this returns.</param>
    /// <param name="kernel">The dataplane that takes part, started; null: none.</param>
    /// <param name="time">Clock.</param>
    /// <param name="ct">Ends it between two steps.</param>
    /// <exception cref="CalicoException">A step failed; a first workload would probably fail the same way.</exception>
    public static async Task RunAsync(string folder, RehearsedKernel? kernel, TimeProvider time, CancellationToken ct)
    {
        var own = Directory.CreateDirectory(Path.Combine(folder, Name));
        try
        {
            // What a crash in the middle left belongs to nobody.
            own.Delete(recursive: true);
            own.Create();
            await using var engine = await EmbeddedEngine.OpenAsync(
                new() { Path = Path.Combine(own.FullName, "store.db"), MachineId = Name, NodeName = Name },
                time, NullLogger<EmbeddedEngine>.Instance, ct);
            await engine.Store.CommitAsync(new(Put(Kinds.Node, new()), Put(Kinds.IpPool, new() { Cidr = "192.0.2.0/24" })), ct);
            await ConnectAsync(engine, kernel, time, ct);
        }
        finally
        {
            own.Delete(recursive: true);
        }
    }

    private static async Task ConnectAsync(EmbeddedEngine engine, RehearsedKernel? kernel, TimeProvider time, CancellationToken ct)
    {
        var (book, outbox) = (new EndpointBook(), new Outbox(engine.Log, engine.Store, time, NullLogger<Outbox>.Instance));
        await using var ipam = new NodeIpam(engine.Store, engine.Log, outbox, new() { NodeName = Name, ParkedAddresses = 0 }, time,
            NullLogger<NodeIpam>.Instance);
        await ipam.LoadAsync(ct);
        var node = new NodeFacts(Name, Name, "cali", 1500);
        await using var connector = new WorkloadConnector(book, ipam, engine.Log, new(outbox, book, node, time),
            kernel is null ? new NoKernel() : kernel.Side, node, time, NullLogger<WorkloadConnector>.Instance);
        var profiles = new HostProfiles(outbox, engine.Store, new(new DatastoreView(Name, time), batch => kernel?.Loop.Accept(batch)), book,
            TimeSpan.MaxValue, time, NullLogger<HostProfiles>.Instance);
        var profile = await profiles.EnsureAsync(Name, new(false, ImmutableSortedDictionary<string, string>.Empty), ct);
        var spec = new EndpointSpec
        {
            Id = new(Name, Name, "eth0"),
            Instance = Name,
            Network = Name,
            Profiles = [profile],
            Claim = new() { Handle = Name, Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        };
        await connector.ConnectAsync(Name, spec, kernel is null ? Placement.HandedOver("eth0") : Placement.In(kernel.Place, "eth0"), ct);
        // Sync tells the host of what a connection wrote.
        await foreach (var batch in new Syncer(engine.Store, ResourceKinds.All, Syncer.DefaultPrefixes, time, NullLogger<Syncer>.Instance)
            .RunAsync(ct))
        {
            if (batch.Status == SyncStatus.InSync)
            {
                break;
            }
        }

        await connector.DisconnectAsync(spec.Id, spec.Instance, ct);
    }

    private static StoreOperation.Put Put<TSpec>(ResourceKind<TSpec> kind, TSpec spec) where TSpec : class, new() =>
        new(kind.Path(kind.Key(Name)), kind.Encode(kind.New(Name, spec)));
}
