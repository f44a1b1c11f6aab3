using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Store;
using Calico.EmbeddedStore;
using Calico.Ipam;
using Calico.TestKit.Store;
using Calico.UnitTests.Store;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>Many at once over the store that a node really has: one file, one writer, many transactions in one commit.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EmbeddedIpamTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly IpamCluster _cluster = Create().Pool("10.0.0.0/25", 29).Node("a").Node("b").Node("c");
    private EmbeddedEngine _engine = null!;

    [SetUp]
    public async Task OpenAsync()
    {
        _engine = await EmbeddedEngine.OpenAsync(_folder.Options(), TimeProvider.System, NullLogger.Instance, default);
        await CopyAsync(_cluster.Store, _engine.Store);
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _folder.DisposeAsync();
    }

    [Test]
    public async Task D_claims_and_releases_of_three_nodes_at_once_agree_on_every_address()
    {
        var nodes = new[] { "a", "b", "c" }.Select(n => _cluster.NodeIpam(n, new InMemoryNodeLog(), store: _engine.Store)).ToList();
        var held = await Task.WhenAll(Enumerable.Range(0, 12).Select(caller => CallAsync(nodes[caller % nodes.Count], caller)));
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }

        await AssertAgreesAsync(held.SelectMany(h => h).ToImmutableSortedDictionary(h => h.Address, h => h.Handle, StringComparer.Ordinal));
    }

    [Test]
    public async Task D_clients_at_once_take_a_pool_to_its_last_address_and_none_twice()
    {
        var taken = await Task.WhenAll(Enumerable.Range(0, 140).Select(async i =>
        {
            var (host, handle) = (new[] { "a", "b", "c" }[i % 3], string.Create(CultureInfo.InvariantCulture, $"h{i}"));
            var result = await new IpamClient(_engine.Store, null, TimeProvider.System)
                .AutoAssignAsync(new() { Host = host, Ipv4 = 1, Handle = handle, Use = IntendedUse.Workload }, default);
            return result.V4!.Addresses.Select(a => (Address: a.ToString(), Handle: handle));
        }));

        var held = taken.SelectMany(t => t).ToImmutableSortedDictionary(t => t.Address, t => t.Handle, StringComparer.Ordinal);
        Assert.That(held, Has.Count.EqualTo(128), "as many as the pool has");
        await AssertAgreesAsync(held);
    }

    /// <summary>Claims ten, one after the other, and gives every other one back.</summary>
    private static async Task<List<(string Address, string Handle)>> CallAsync(NodeIpam node, int caller)
    {
        var held = new List<(string, string)>();
        for (var i = 0; i < 10; i++)
        {
            var handle = string.Create(CultureInfo.InvariantCulture, $"h{caller}.{i}");
            var lease = (await node.ClaimAsync("cni", Claim(handle), null, null, default))[0];
            if (i % 2 == 0)
            {
                held.Add((lease.Address.ToString(), handle));
            }
            else
            {
                Assert.That(await node.ReleaseAsync("cni", lease, default), Is.EqualTo(ReleaseOutcome.Released));
            }
        }

        return held;
    }

    private async Task AssertAgreesAsync(ImmutableSortedDictionary<string, string> held)
    {
        var seen = Create();
        await CopyAsync(_engine.Store, seen.Store);
        Assert.That(seen.Allocations(), Is.EqualTo(held));
        Assert.That(seen.Disagreements(), Is.Empty);
    }

    private static async Task CopyAsync(IKeyValueStore from, IKeyValueStore to)
    {
        foreach (var item in (await from.ListAsync("/", 0, default)).Items)
        {
            await to.CommitAsync(new(new StoreOperation.Put(item.Key, item.Value)), default);
        }
    }
}
