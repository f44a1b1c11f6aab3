using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Resources.V3;
using Calico.Ipam;
using Calico.TestKit;
using Calico.TestKit.Store;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Pools and blocks come and go; ranges of both are compared by what they share.</summary>
[TestFixture, Parallelizable]
public sealed class PoolOverlapTests
{
    private static readonly int Edits = Effort.Of(10_000);
    private const string Pools = "/calico/resources/v3/projectcalico.org/ippools/";

    [Test]
    public async Task A7_a_pool_that_overlaps_blocks_of_a_deleted_one_is_refused()
    {
        var cluster = Create().Node("n");
        var client = Client(cluster);
        await client.CreateAsync(PoolOf("10.50.0.0/24", 26), default);
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var leases = await ipam.ClaimAsync("cni", Claim("h") with { Ipv4 = 0, Exact = [Ip("10.50.0.130")] }, Endpoint("w"), null, default);
        await client.DeleteAsync(Kinds.IpPool.Key("pool-10.50.0.0-24"), null, default);

        foreach (var (cidr, size) in new[] { ("10.50.0.128/27", 28), ("10.50.0.128/27", 27), ("10.50.0.0/24", 27), ("10.50.0.128/26", 28),
            ("10.50.0.0/16", 25) })
        {
            var problem = (await Assert.ThrowsAsync<CalicoException>(() => client.CreateAsync(PoolOf(cidr, size), default)))!;
            Assert.That(problem.Problem, Is.EqualTo(Problem.Invalid), cidr);
            Assert.That(problem.Message, Does.Contain("block 10.50.0.128/26"));
        }

        await client.CreateAsync(PoolOf("10.50.0.64/26", 28), default);
        await ipam.UnbindAsync("cni", Endpoint("w"), leases, LeaseCompanion.None, default);
        await client.CreateAsync(PoolOf("10.50.0.128/27", 28), default);
    }

    [Test]
    public async Task A7_of_two_pools_that_overlap_and_are_made_at_once_one_is_refused()
    {
        var cluster = Create();
        var client = Client(cluster);
        var isSecond = false;
        cluster.Store.Faults.Use((kind, _) =>
        {
            if (kind == StoreCallKind.Commit && !isSecond)
            {
                // Between the check and the write of the first.
                isSecond = true;
                client.CreateAsync(PoolOf("10.0.0.0/24", 26), default).GetAwaiter().GetResult();
            }

            return StoreFault.None;
        });

        var problem = (await Assert.ThrowsAsync<CalicoException>(() => client.CreateAsync(PoolOf("10.0.0.128/25", 26), default)))!;

        Assert.That(problem.Message, Does.Contain("overlaps"));
        Assert.That(cluster.Store.Snapshot(Pools), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A7_an_address_in_a_block_of_another_size_is_neither_given_again_nor_lost()
    {
        var time = new FakeTimeProvider();
        var cluster = Create(time).Pool("10.50.0.0/24", 26).Node("n").Node("m");
        await using var ipam = cluster.NodeIpam("n", new InMemoryNodeLog());
        var held = new List<AddressLease>();
        for (var i = 0; i < 40; i++)
        {
            held.AddRange(await ipam.ClaimAsync("cni", Claim($"h{i}"), Endpoint($"w{i}"), null, default));
        }

        // As a client that looks only for equal ranges leaves it.
        cluster.Store.Remove(Pools + "pool-10.50.0.0-24");
        var block = cluster.Blocks().Single().Cidr;
        cluster.Pool(block.ToString(), 28);
        time.Advance(TimeSpan.FromMinutes(1));
        cluster.Pool(new Cidr(false, block.First ^ 64, 26).ToString(), 28);
        await using var other = cluster.NodeIpam("m", new InMemoryNodeLog());
        var given = new List<IPAddress>();
        for (var i = 0; i < 64; i++)
        {
            given.AddRange((await other.ClaimAsync("cni", Claim($"m{i}"), Endpoint($"m{i}"), null, default)).Select(l => l.Address));
        }

        Assert.That(given.Intersect(held.Select(l => l.Address)), Is.Empty);
        await Assert.ThrowsAsync<CalicoException>(() =>
            other.ClaimAsync("cni", Claim("x", 0) with { Exact = [held[0].Address] }, null, null, default));
        foreach (var (lease, i) in held.Select((l, i) => (l, i)))
        {
            await ipam.UnbindAsync("cni", Endpoint($"w{i}"), [lease], LeaseCompanion.None, default);
        }

        Assert.That(cluster.Allocations().Keys.Intersect(held.Select(l => l.Address.ToString())), Is.Empty);
        Assert.That(cluster.Blocks().Select(b => b.Cidr), Does.Not.Contain(block));
        Assert.That(cluster.Disagreements(), Is.Empty);
    }

    /// <summary>The seed is printed, and is given by <c>CALICO_SEED</c>.</summary>
    [Test]
    public async Task A7_ten_thousand_edits_of_pools_and_blocks_never_overlap_and_give_no_address_twice()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CALICO_SEED"), CultureInfo.InvariantCulture, out var given) ? given
            : Random.Shared.Next();
        TestContext.Out.WriteLine($"CALICO_SEED={seed}");
        await using var world = new World(new(seed));
        for (var i = 0; i < Edits; i++)
        {
            await world.EditAsync();
            world.AssertSound($"edit {i}, CALICO_SEED={seed}");
        }

        await world.EmptyAsync();
        Assert.That(world.Cluster.Allocations(), Is.Empty, $"CALICO_SEED={seed}");
        Assert.That(world.Cluster.Disagreements(), Is.Empty, $"CALICO_SEED={seed}");
    }

    private static ResourceClient Client(IpamCluster cluster) =>
        new(cluster.Store, new InstantTime(), new Cleanup(cluster));

    private static Resource<IpPoolSpec> PoolOf(string cidr, int blockSize) => new()
    {
        Kind = "IPPool",
        Metadata = new() { Name = "pool-" + cidr.Replace('/', '-') },
        Spec = new() { Cidr = cidr, BlockSize = blockSize },
    };

    private sealed class Cleanup(IpamCluster cluster) : IAddressCleanup
    {
        public Task ReleasePoolAsync(string cidr, CancellationToken ct) => cluster.Client.ReleasePoolAffinitiesAsync(Cidr.Parse(cidr), ct);

        public Task ReleaseAddressesAsync(ImmutableArray<string> addresses, CancellationToken ct) => throw new NotSupportedException();

        public Task ReleaseNodeAsync(string node, CancellationToken ct) => throw new NotSupportedException();
    }

    /// <summary>Two nodes over a /24, and an oracle of ranges that knows nothing but numbers.</summary>
    private sealed class World : IAsyncDisposable
    {
        private readonly Random _random;
        private readonly NodeIpam[] _nodes;
        private readonly ResourceClient _client;
        private readonly Dictionary<int, (NodeIpam Node, AddressLease Lease)> _live = [];

        public World(Random random)
        {
            _random = random;
            Cluster = Create().Node("a").Node("b");
            _client = PoolOverlapTests.Client(Cluster);
            _nodes = [Cluster.NodeIpam("a", new InMemoryNodeLog()), Cluster.NodeIpam("b", new InMemoryNodeLog())];
        }

        public IpamCluster Cluster { get; }

        public async Task EditAsync()
        {
            switch (_random.Next(12))
            {
                case 0 or 1:
                    await CreatePoolAsync();
                    break;
                case 2 when Cluster.Store.Snapshot(Pools) is [_, ..] pools:
                    await _client.DeleteAsync(Kinds.IpPool.Key(pools[_random.Next(pools.Length)].Key[Pools.Length..]), null, default);
                    break;
                case 3:
                    await Cluster.Client.ReleaseHostAffinitiesAsync(new(_random.Next(2) == 0 ? "a" : "b"), mustBeEmpty: false, default);
                    break;
                case <= 8:
                    await ClaimAsync();
                    break;
                default:
                    await ReleaseAsync(_random.Next(40));
                    break;
            }
        }

        public void AssertSound(string when)
        {
            var blocks = Ranges(Cluster.Store.Snapshot(IpamKeys.Assignments)
                .Select(k => IpamKeys.TryParseBlock(k.Key, out var text) ? text : ""));
            for (var i = 1; i < blocks.Count; i++)
            {
                Assert.That(blocks[i].First, Is.GreaterThan(blocks[i - 1].Last), $"blocks overlap after {when}");
            }

            Assert.That(_live.Values.Select(l => l.Lease.Address).Distinct().Count(), Is.EqualTo(_live.Count), $"given twice by {when}");
        }

        public async Task EmptyAsync()
        {
            foreach (var slot in _live.Keys.ToArray())
            {
                await ReleaseAsync(slot);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _nodes[0].DisposeAsync();
            await _nodes[1].DisposeAsync();
        }

        private static List<(long First, long Last)> Ranges(IEnumerable<string> texts) => [.. texts.Select(RangeOf).Order()];

        private static (long First, long Last) RangeOf(string text)
        {
            var parts = text.Split('/');
            var first = parts[0].Split('.').Aggregate(0L, (n, p) => (n << 8) | long.Parse(p, CultureInfo.InvariantCulture));
            return (first, first + (1L << (32 - int.Parse(parts[1], CultureInfo.InvariantCulture))) - 1);
        }

        private async Task CreatePoolAsync()
        {
            var length = _random.Next(25, 30);
            var size = _random.Next(length, 31);
            var cidr = new Cidr(false, ((UInt128)0x0a000000 | (UInt128)_random.Next(256)) >> (32 - length) << (32 - length), length)
                .ToString();
            var range = RangeOf(cidr);
            var pools = Ranges(Cluster.Store.Snapshot(Pools).Select(k => k.Key[(Pools.Length + "pool-".Length)..].Replace('-', '/')));
            var blocks = Ranges(Cluster.Store.Snapshot(IpamKeys.Assignments)
                .Select(k => IpamKeys.TryParseBlock(k.Key, out var text) ? text : ""));
            var mustRefuse = pools.Exists(p => Share(p, range))
                || blocks.Exists(b => Share(b, range)
                    && (b.First < range.First || b.Last > range.Last || b.Last - b.First + 1 != 1L << (32 - size)));
            try
            {
                await _client.CreateAsync(PoolOf(cidr, size), default);
                Assert.That(mustRefuse, Is.False, $"{cidr} with blocks of /{size} overlaps");
            }
            catch (CalicoException e) when (e.Problem is Problem.Invalid or Problem.AlreadyExists)
            {
                Assert.That(mustRefuse, Is.True, e.Message);
            }
        }

        private static bool Share((long First, long Last) a, (long First, long Last) b) => a.First <= b.Last && b.First <= a.Last;

        private async Task ClaimAsync()
        {
            var slot = _random.Next(40);
            if (_live.ContainsKey(slot))
            {
                return;
            }

            var (node, claim) = (_nodes[_random.Next(2)], Claim($"h{slot}"));
            claim = _random.Next(3) > 0 ? claim
                : claim with { Ipv4 = 0, Exact = [new Cidr(false, (UInt128)0x0a000000 | (UInt128)_random.Next(256), 32).FirstAddress()] };
            try
            {
                _live[slot] = (node, (await node.ClaimAsync("cni", claim, Endpoint($"w{slot}"), null, default))[0]);
            }
            catch (CalicoException e)
                when (e.Problem is Problem.Exhausted or Problem.NotFound or Problem.Conflict or Problem.AlreadyExists or Problem.Invalid)
            {
                // No pool, none left, or somebody's.
            }
        }

        private async Task ReleaseAsync(int slot)
        {
            if (_live.Remove(slot, out var held))
            {
                await held.Node.UnbindAsync("cni", Endpoint($"w{slot}"), [held.Lease], LeaseCompanion.None, default);
            }
        }
    }
}
