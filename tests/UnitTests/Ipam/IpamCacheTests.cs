using Calico.Datastore.Addresses;
using Calico.Datastore.Resources.Ipam;
using Calico.Ipam;
using NUnit.Framework;

namespace Calico.UnitTests.Ipam;

/// <summary>What is remembered of the store between changes.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IpamCacheTests
{
    private static readonly AffinityOwner Owner = new("a");

    private readonly IpamCache _cache = new();

    [Test]
    public void Memory_is_trimmed_to_a_nodes_own_blocks_and_to_what_exists()
    {
        var folder = IpamKeys.Blocks(4);
        _cache.Set(folder + "own", new(AllocationBlock.Create(Cidr.Parse("10.0.0.0/30"), Owner.Text, null, 1), 5));
        _cache.Set(folder + "other", new(AllocationBlock.Create(Cidr.Parse("10.0.0.4/30"), "host:b", null, 1), 5));
        _cache.Set(IpamKeys.Blocks(6) + "none", CachedValue.Absent);
        _cache.Set(IpamKeys.Handle("a/b"), new(new IpamHandleValue(), 5));
        _cache.Set(IpamKeys.Handle("none"), CachedValue.Absent);
        _cache.Set(Owner.Key(Cidr.Parse("10.0.0.0/30")), CachedValue.Absent);
        _cache.SetListed(folder);
        _cache.Trim(Owner);
        Assert.That(_cache.In(folder).Select(c => c.Key), Is.EqualTo(new[] { folder + "own" }));
        Assert.That(_cache.In(IpamKeys.Blocks(6)), Is.Empty);
        Assert.That(_cache.In(IpamKeys.Handles).Select(c => c.Key), Is.EqualTo(new[] { IpamKeys.Handle("a/b") }));
        Assert.That((_cache.In(Owner.Keys(4)).Count(), _cache.IsListed(folder), _cache.IsListed("/x/")), Is.EqualTo((1, true, false)));
        _cache.Forget(folder + "own");
        Assert.That(_cache.TryGet(folder + "own", out _), Is.False);
        _cache.Clear();
        Assert.That((_cache.IsListed(folder), _cache.TryGet(IpamKeys.Handle("a/b"), out _)), Is.EqualTo((false, false)));
    }
}
