using System.Collections.Immutable;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Operations that are answered without the store while a transaction of theirs is under way: the log must end as the ledger
/// does, whoever of the two was held up on the way to the log.</summary>
[TestFixture, Parallelizable]
public sealed class NodeIpamLogOrderTests
{
    private const int Workers = 6;
    private const int Rounds = 40;

    [Test]
    public async Task What_the_log_says_is_what_memory_said_last()
    {
        var cluster = Create().Pool("10.0.0.0/28", 28).Node("a");
        var inner = new InMemoryNodeLog();
        var ipam = cluster.NodeIpam("a", new HeldUpLog(inner), parked: 2, new HesitantStore(cluster.Store), o => o with
        {
            StorePatience = TimeSpan.FromMilliseconds(2),
            StoreDeadline = TimeSpan.FromSeconds(2),
            ProbeInterval = TimeSpan.Zero,
        });
        await ipam.LoadAsync(default);
        await ipam.MaintainAsync(default);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(w => Task.Run(() => LiveAsync(ipam, w))));
        for (var i = 0; i < 50 && ipam.JournalLength > 0; i++)
        {
            await ipam.MaintainAsync(default);
        }

        Assert.That(ipam.JournalLength, Is.Zero, "everything has reached the store");
        Assert.That(await ipam.ListAsync(null, null, default), Is.Empty, "in memory");
        await ipam.DisposeAsync();
        Assert.Multiple(() =>
        {
            Assert.That(inner.List("ipam/lease/").Select(e => e.Key), Is.Empty,
                "in the log: the next start would take these addresses again");
            Assert.That(cluster.Allocations().Where(a => !a.Value.StartsWith("parked.", StringComparison.Ordinal)), Is.Empty,
                "in the store");
        });
    }

    [Test]
    public async Task Who_takes_what_another_gives_up_at_the_same_time_has_it_in_memory_log_and_store()
    {
        var cluster = Create().Pool("10.0.0.0/30", 30).Node("a");
        var log = new InMemoryNodeLog();
        var gate = new GateStore(cluster.Store);
        await using var ipam = cluster.NodeIpam("a", log, parked: 0, gate);
        await ipam.LoadAsync(default);
        var held = new Dictionary<string, ImmutableArray<AddressLease>>();
        foreach (var name in (string[])["a", "b", "c", "d"])
        {
            held[name] = await ipam.ClaimAsync("cni", Claim(name), Endpoint(name), null, default);
        }

        // While the first is in the store's hands the others wait, and go together.
        gate.Close();
        var first = ipam.UnbindAsync("cni", Endpoint("a"), held["a"], LeaseCompanion.None, default);
        await gate.Reached;
        var taking = ipam.ClaimAsync("cni", Claim("e"), Endpoint("e"), null, default);
        var leaving = ipam.UnbindAsync("cni", Endpoint("b"), held["b"], LeaseCompanion.None, default);
        var following = ipam.ClaimAsync("cni", Claim("f"), Endpoint("f"), null, default);
        gate.Open();
        await Task.WhenAll(first, taking, leaving, following);

        var memory = (await ipam.ListAsync(null, null, default)).Select(l => $"{l.Address} {l.Handle}")
            .Order(StringComparer.Ordinal).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(memory.Select(m => m.Split(' ')[1]).Order(StringComparer.Ordinal), Is.EqualTo((string[])["c", "d", "e", "f"]));
            Assert.That(cluster.Allocations().Select(a => $"{a.Key} {a.Value}"), Is.EquivalentTo(memory));
            Assert.That(log.List("ipam/lease/").Select(e => e.Key["ipam/lease/".Length..]),
                Is.EquivalentTo(memory.Select(m => m.Split(' ')[0])));
        });
    }

    private static async Task LiveAsync(NodeIpam ipam, int worker)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var endpoint = Endpoint($"w{worker}r{round}");
            try
            {
                var leases = await ipam.ClaimAsync("cni", Claim($"a.{endpoint.Workload}"), endpoint, null, default);
                await ipam.UnbindAsync("cni", endpoint, leases, LeaseCompanion.None, default);
            }
            catch (CalicoException e) when (e.Problem is Problem.Unavailable)
            {
                // The reserve was empty for a moment: nothing was given.
            }
        }
    }

    /// <summary>Takes its time before a write is in the queue, as a thread does that the kernel puts aside.</summary>
    private sealed class HeldUpLog(InMemoryNodeLog inner) : INodeLog
    {
        public ReadOnlyMemory<byte>? Get(string key) => inner.Get(key);

        public ImmutableArray<KeyValuePair<string, ReadOnlyMemory<byte>>> List(string prefix) => inner.List(prefix);

        public Task CommitAsync(ImmutableArray<NodeLogWrite> writes, CancellationToken ct)
        {
            Thread.Sleep(Random.Shared.Next(4));
            return inner.CommitAsync(writes, ct);
        }

        public Task<StoreOutcome> CommitAsync(IKeyValueStore store, StoreTransaction transaction, ImmutableArray<NodeLogWrite> writes,
            CancellationToken ct)
        {
            Thread.Sleep(Random.Shared.Next(4));
            return inner.CommitAsync(store, transaction, writes, ct);
        }
    }

    /// <summary>Answers about when patience ends.</summary>
    private sealed class HesitantStore(IKeyValueStore inner) : ForwardingStore(inner)
    {
        public override async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
        {
            await Task.Delay(Random.Shared.Next(6), ct);
            return await base.CommitAsync(transaction, ct);
        }
    }

    /// <summary>Keeps who writes waiting until it is opened.</summary>
    private sealed class GateStore(IKeyValueStore inner) : ForwardingStore(inner)
    {
        private TaskCompletionSource? _open;
        private TaskCompletionSource _reached = new();

        /// <summary>Somebody waits.</summary>
        public Task Reached => _reached.Task;

        public void Close() => (_open, _reached) = (new(TaskCreationOptions.RunContinuationsAsynchronously),
            new(TaskCreationOptions.RunContinuationsAsynchronously));

        public void Open() => _open!.SetResult();

        public override async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
        {
            if (_open is { } open && _reached.TrySetResult())
            {
                await open.Task.WaitAsync(ct);
            }

            return await base.CommitAsync(transaction, ct);
        }
    }
}
