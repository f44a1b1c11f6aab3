using System.Globalization;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;
using Calico.Ipam;
using Calico.TestKit;
using Calico.TestKit.Store;
using NUnit.Framework;
using static Calico.UnitTests.Ipam.IpamCluster;

namespace Calico.UnitTests.Ipam;

/// <summary>A value that cannot be read stops what is about it, and nothing else.</summary>
[TestFixture]
public sealed class DamagedBlockTests
{
    private IpamCluster _cluster = null!;
    private InMemoryNodeLog _log = null!;

    [SetUp]
    public void Make()
    {
        _cluster = Create().Pool("10.0.0.0/28", 29).Node("n");
        _log = new();
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task B2_one_damaged_block_is_set_aside_and_everything_else_goes_on(bool isMended)
    {
        var ipam = NodeIpam();
        await using (ipam)
        {
            var a = await ipam.ClaimAsync("cni", Claim("a"), Endpoint("a"), null, default);
            var lasting = await ipam.ClaimAsync("cni", Claim("lasting"), Endpoint("lasting"), null, default);
            var block = _cluster.Store.Snapshot(IpamKeys.Assignments).Single();
            _cluster.Store.Set(block.Key, "{\"cidr\":1");

            await ipam.UnbindAsync("cni", Endpoint("a"), a, new([new StoreOperation.Delete("/wep/a")], []), default);
            var b = (await ipam.ClaimAsync("cni", Claim("b"), Endpoint("b"), null, default))[0];
            await ipam.MaintainAsync(default);

            Assert.That(await ipam.FindAsync(a[0].Address, default), Is.Null, "its holder is gone");
            Assert.That(ipam.JournalLength, Is.EqualTo(1));
            Assert.That(ipam.DamagedBlocks.Keys, Is.EqualTo(new[] { Block(block.Key) }));
            Assert.That((await ipam.ListAsync(null, null, default)).Select(l => l.Handle), Is.EquivalentTo(new[] { "lasting", "b" }));
            await using var reborn = NodeIpam();
            await reborn.LoadAsync(default);
            await reborn.ClaimAsync("cni", Claim("c"), Endpoint("c"), null, default);
            await reborn.UnbindAsync("cni", Endpoint("b"), [b], LeaseCompanion.None, default);

            if (isMended)
            {
                _cluster.Store.Set(block.Key, Text(block.Value));
            }
            else
            {
                _cluster.Store.Remove(block.Key);
            }

            await reborn.MaintainAsync(default);
            await reborn.MaintainAsync(default);
            Assert.That(reborn.DamagedBlocks, Is.Empty);
            Assert.That(reborn.JournalLength, Is.Zero);
            Assert.That(_cluster.Allocations().Values, Is.EquivalentTo(new[] { "lasting", "c" }));
            Assert.That(_cluster.Allocations()[lasting[0].Address.ToString()], Is.EqualTo("lasting"));
            Assert.That(_cluster.Disagreements(), Is.Empty);
        }
    }

    [Test]
    public async Task B2_a_release_that_was_journalled_for_a_damaged_block_stops_no_ADD()
    {
        await using var ipam = NodeIpam();
        var a = await ipam.ClaimAsync("cni", Claim("a"), Endpoint("a"), null, default);
        _cluster.Store.Faults.Dead = true;
        await ipam.UnbindAsync("cni", Endpoint("a"), a, LeaseCompanion.None, default);
        var block = _cluster.Store.Snapshot(IpamKeys.Assignments).Single();
        _cluster.Store.Set(block.Key, "{");
        _cluster.Store.Faults.Dead = false;

        var b = await ipam.ClaimAsync("cni", Claim("b"), Endpoint("b"), null, default);

        Assert.That(b[0].Address, Is.Not.EqualTo(a[0].Address));
        Assert.That(ipam.JournalLength, Is.EqualTo(1), "the release waits");
    }

    [Test]
    public async Task B2_a_damaged_handle_or_affinity_is_written_anew()
    {
        await using var ipam = NodeIpam();
        var a = await ipam.ClaimAsync("cni", Claim("a"), Endpoint("a"), null, default);
        await ipam.ClaimAsync("cni", Claim("b"), Endpoint("b"), null, default);
        _cluster.Store.Set(IpamKeys.Handle("a"), "{");
        _cluster.Store.Set(IpamKeys.Handle("b"), "{");
        var affinity = _cluster.Store.Snapshot(IpamKeys.Host("n") + "/").Single().Key;
        _cluster.Store.Set(affinity, "{");

        await ipam.UnbindAsync("cni", Endpoint("a"), a, LeaseCompanion.None, default);
        await ipam.ClaimAsync("cni", Claim("c"), Endpoint("c"), null, default);
        await ipam.MaintainAsync(default);

        Assert.That(_cluster.Allocations().Values, Is.EquivalentTo(new[] { "b", "c" }));
        Assert.That(_cluster.Disagreements(), Is.Empty);
        Assert.That(ResourceJson.Read<IpamAffinityValue>(_cluster.Store.Snapshot(affinity).Single().Value.Span).IsConfirmed, Is.True);
    }

    /// <summary>The seed is printed, and is given by <c>CALICO_SEED</c>.</summary>
    [Test]
    public void B2_a_block_of_any_JSON_is_read_or_is_damaged_and_never_anything_else()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CALICO_SEED"), CultureInfo.InvariantCulture, out var given) ? given
            : Random.Shared.Next();
        TestContext.Out.WriteLine($"CALICO_SEED={seed}");
        var random = new Random(seed);
        string[] odd = ["null", "\"x\"", "-1", "99999999999999999999", "[null]", "{}", "[]", "\"\\ud800\"", "[-1]", "[4]", "1e400", "true",
            "\"10.0.0.0/0\"", "[{\"secondary\":{\"node\":null}}]"];
        string[] members = ["\"10.0.0.0/30\"", "\"host:n\"", "[0,null,null,null]", "[1,2,3]",
            "[{\"handle_id\":\"h\",\"secondary\":{\"node\":\"n\"}}]", "7", "{\"0\":3}"];
        string[] names = ["cidr", "affinity", "allocations", "unallocated", "attributes", "sequenceNumber", "sequenceNumberForAllocation"];
        for (var i = 0; i < Effort.Of(5000); i++)
        {
            var fields = names.Zip(members, (n, m) => $"\"{n}\":{(random.Next(4) == 0 ? odd[random.Next(odd.Length)] : m)}");
            var text = "{" + string.Join(',', fields) + "}";
            try
            {
                var block = AllocationBlock.FromStored("10.0.0.0/30", Encoding.UTF8.GetBytes(text));
                foreach (var ordinal in block.AllocatedOrdinals)
                {
                    _ = LeaseOf(block, ordinal);
                }

                _ = block.Release([new(Ip("10.0.0.0"))]).Block.ToSpec();
            }
            catch (Exception e) when (e is CalicoException || ResourceJson.IsUnreadable(e))
            {
                // Said, and set aside.
            }
            catch (Exception e)
            {
                Assert.Fail($"CALICO_SEED={seed}: {text}: {e}");
            }
        }
    }

    private static string LeaseOf(AllocationBlock block, int ordinal) =>
        $"{block.AttributeOf(ordinal)!.HandleId} {block.AttributeOf(ordinal)!.Secondary?.Count}";

    private static string Block(string key) => IpamKeys.TryParseBlock(key, out var cidr) ? cidr : "";

    private NodeIpam NodeIpam() =>
        _cluster.NodeIpam("n", _log, with: o => o with { VerifyInterval = TimeSpan.Zero, ProbeInterval = TimeSpan.Zero });
}
