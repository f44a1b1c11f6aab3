using System.Net;
using Calico.Datastore.Addresses;
using Calico.Ipam;
using NUnit.Framework;

namespace Calico.UnitTests.Ipam;

[TestFixture]
public sealed class BlockOrderTests
{
    [Test]
    public void Every_block_of_a_pool_comes_once_from_a_start_onwards_and_round()
    {
        var pool = Cidr.Parse("10.0.0.0/26");
        var order = BlockOrder.Of(pool, 29, "node-a").ToList();
        Assert.That(order, Is.Unique.And.Exactly(8).Items);
        Assert.That(order, Has.All.Matches<Cidr>(c => pool.Contains(c) && c.PrefixLength == 29));
        for (var i = 1; i < order.Count; i++)
        {
            Assert.That(order[i].First, Is.EqualTo(order[i - 1].Last == pool.Last ? pool.First : order[i - 1].Last + 1));
        }
    }

    [Test]
    public void Hosts_begin_at_different_blocks_and_each_always_at_its_own()
    {
        var pool = Cidr.Parse("10.0.0.0/16");
        var starts = Enumerable.Range(0, 50).Select(i => BlockOrder.Of(pool, 26, $"node-{i}").First()).ToList();
        Assert.That(starts.Distinct().Count(), Is.GreaterThan(45));
        Assert.That(Enumerable.Range(0, 50).Select(i => BlockOrder.Of(pool, 26, $"node-{i}").First()), Is.EqualTo(starts));
    }

    /// <summary>The numbers of draft-eastlake-fnv: another start is another than upstream's.</summary>
    [TestCase("", 0x811c9dc5u)]
    [TestCase("a", 0x050c5d7eu)]
    [TestCase("foobar", 0x31f0b262u)]
    public void A_start_is_drawn_with_FNV_1_of_the_name(string name, uint hash) => Assert.That(BlockOrder.Fnv1(name), Is.EqualTo(hash));

    /// <summary>A block of another size is left from an earlier pool: it spoils as many candidates as it covers.</summary>
    [TestCase("10.0.0.0/25", 8)]
    [TestCase("10.0.0.64/26", 12)]
    [TestCase("10.0.0.16/29", 15)]
    [TestCase("10.0.0.16/28", 15)]
    [TestCase("10.0.0.0/23", 0)]
    [TestCase("10.0.9.0/24", 16)]
    public void A_host_finds_every_block_that_overlaps_none_wherever_it_begins(string occupied, int free)
    {
        var pool = new IpamPool { Name = "pool", Cidr = Cidr.Parse("10.0.0.0/24"), BlockSize = 28 };
        var block = Cidr.Parse(occupied);
        for (var host = 0; host < 20; host++)
        {
            var found = OccupiedRanges.FreeIn([block], pool, $"node-{host}").ToList();
            Assert.That(found, Is.Unique.And.All.Matches<Cidr>(c => c.PrefixLength == 28 && pool.Cidr.Contains(c) && !c.Overlaps(block)));
            Assert.That(found.Count, free == 0 ? Is.Zero : Is.InRange(1, free), $"node-{host}");
        }

        Assert.That(OccupiedRanges.Overlapping([Cidr.Parse("10.0.8.0/24"), block], block), Is.EqualTo(block));
        Assert.That(OccupiedRanges.Overlapping([Cidr.Parse("10.0.8.0/24")], block), Is.Null);
    }

    /// <summary>However many blocks a pool could have: one more than can be spoilt.</summary>
    [TestCase("fd00::/120", 5)]
    [TestCase("fd00::/122", 2)]
    [TestCase("fd00::/128", 2)]
    public void A_host_looks_at_no_more_candidates_than_it_has_to(string occupied, int looked)
    {
        var pool = new IpamPool { Name = "pool", Cidr = Cidr.Parse("fd00::/64"), BlockSize = 122 };
        Assert.That(OccupiedRanges.FreeIn([Cidr.Parse(occupied)], pool, "node-a").Take(100_000).Count(), Is.EqualTo(looked));
    }

    /// <summary>However big the pool is and wherever the host would begin in it.</summary>
    [TestCase("10.0.0.0/24", 28, "10.0.0.32/27", "10.0.0.96/28", 1)]
    [TestCase("10.0.0.0/24", 28, "10.0.0.32/27", "10.0.0.32/28", 1)]
    [TestCase("10.0.0.0/24", 28, "10.0.0.37/32", "10.0.0.0/28", 1)]
    [TestCase("10.0.0.0/24", 28, "10.0.0.37/32", "10.0.0.32/28", 0)]
    [TestCase("10.0.0.0/24", 28, "10.0.0.32/28", "10.0.0.0/25", 0)]
    [TestCase("10.0.0.0/24", 28, "10.0.0.0/16", "10.0.9.0/28", 1)]
    [TestCase("fd00::/64", 122, "fd00::4:0/121", "fd00::4:0/122", 1)]
    public void A_host_that_is_bound_to_a_range_finds_its_blocks(string cidr, int blockSize, string within, string occupied, int free)
    {
        var pool = new IpamPool { Name = "pool", Cidr = Cidr.Parse(cidr), BlockSize = blockSize };
        var (range, taken) = (Cidr.Parse(within), Cidr.Parse(occupied));
        for (var host = 0; host < 20; host++)
        {
            var found = OccupiedRanges.FreeIn([taken], pool, $"node-{host}", IPNetwork.Parse(within)).ToList();
            Assert.That(found, Has.All.Matches<Cidr>(c => c.PrefixLength == blockSize && pool.Cidr.Contains(c)));
            Assert.That(found, Has.All.Matches<Cidr>(c => c.Overlaps(range) && !c.Overlaps(taken)));
            Assert.That(found, free == 0 ? Is.Empty : Is.Not.Empty);
        }
    }

    [TestCase("10.0.0.0/26", 26, 1)]
    [TestCase("10.0.0.0/26", 25, 0)]
    [TestCase("10.0.0.0/26", 33, 0)]
    [TestCase("10.0.0.0/26", 32, 64)]
    [TestCase("fd00::/120", 128, 256)]
    [TestCase("fd00::/120", 129, 0)]
    public void A_pool_has_as_many_blocks_as_fit(string pool, int blockSize, int count) =>
        Assert.That(BlockOrder.Of(Cidr.Parse(pool), blockSize, "n").Count(), Is.EqualTo(count));

    [Test]
    public void A_pool_too_big_to_count_has_an_order_all_the_same()
    {
        var order = BlockOrder.Of(Cidr.Parse("fd00::/8"), 122, "node-a").Take(3).ToList();
        Assert.That(order, Is.Unique.And.Exactly(3).Items);
        Assert.That(order, Has.All.Matches<Cidr>(c => Cidr.Parse("fd00::/8").Contains(c)));
    }

    [Test]
    public void A_pool_divides_into_what_is_reserved_what_is_in_blocks_and_the_rest()
    {
        var pool = Cidr.Parse("10.0.0.0/26");
        var reserved = AddressSet.Of([Cidr.Parse("10.0.0.0/30"), Cidr.Parse("10.0.0.60/30"), Cidr.Parse("10.9.0.0/16")]);
        Assert.That(PoolSpace.Of(pool, reserved,
            [Cidr.Parse("10.0.0.0/29"), Cidr.Parse("10.0.0.8/29"), Cidr.Parse("10.0.0.0/29"), Cidr.Parse("10.8.0.0/29")]),
            Is.EqualTo(new PoolSpace(64, 8, 64 - 8 - 4 - 8)));
        Assert.That(PoolSpace.Of(pool, AddressSet.Empty, []), Is.EqualTo(new PoolSpace(64, 0, 64)));
    }
}
