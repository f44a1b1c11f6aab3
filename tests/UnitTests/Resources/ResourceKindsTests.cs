using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

[TestFixture]
public sealed class ResourceKindsTests
{
    private static readonly ResourceKinds All = ResourceKinds.All;

    [TestCase("pool", "IPPool")]
    [TestCase("IPPools", "IPPool")]
    [TestCase("WEP", "WorkloadEndpoint")]
    [TestCase("ipamconfig", "IPAMConfiguration")]
    [TestCase("pol", "NetworkPolicy")]
    [TestCase("felixconfigs", "FelixConfiguration")]
    public void Kinds_are_found_by_alias_in_any_case(string alias, string name) =>
        Assert.That(All.Named(alias).Name, Is.EqualTo(name));

    [Test]
    public void Keys_and_paths_go_round_for_every_kind()
    {
        foreach (var kind in All.Table)
        {
            var key = kind.Key("ns", "a.b-c");

            Assert.That(All.TryParsePath(kind.Path(key), out var found, out var parsed), Is.True, kind.Name);
            Assert.That((found, parsed), Is.EqualTo((kind, key)));
        }
    }

    [TestCase("/calico/resources/v3/projectcalico.org/ippools/")]
    [TestCase("/calico/resources/v3/projectcalico.org/ippools/a/b")]
    [TestCase("/calico/resources/v3/projectcalico.org/networksets/a")]
    [TestCase("/calico/resources/v3/projectcalico.org/networksets/a/")]
    [TestCase("/calico/resources/v3/projectcalico.org/others/a")]
    [TestCase("/calico/felix/v2/no-region/host/a/status")]
    public void Other_keys_are_none_of_a_resource(string path) =>
        Assert.That(All.TryDecode(path, Encoding.UTF8.GetBytes("{}"), out _), Is.False);

    [Test]
    public void Ipam_values_travel_through_sync_with_names_from_their_keys()
    {
        Assert.That(Decode("/calico/ipam/v2/assignment/ipv6/block/fd00::40-122", """{"cidr":"fd00::40/122"}""").Key,
            Is.EqualTo(Kinds.IpamBlock.Key("fd00::40/122")));
        var update = Decode("/calico/ipam/v2/host/n1/ipv4/block/10.0.0.0-26", """{"state":"","deleted":false}""");
        Assert.That((update.Key.Name, Kinds.BlockAffinity.TryRead(update, out var affinity) && affinity.Spec.IsConfirmed),
            Is.EqualTo(("host:n1/10.0.0.0/26", true)));
        Assert.That(Kinds.IpamHandle.TryRead(Decode("/calico/ipam/v2/handle/net.c1", """{"block":{"10.0.0.0/26":1}}"""), out var handle)
            ? handle.Spec.Block.Count : 0, Is.EqualTo(1));
        Assert.That(All.TryDecode("/calico/ipam/v2/host/n1", Encoding.UTF8.GetBytes("{}"), out _), Is.False);
    }

    [Test]
    public void What_cannot_be_used_comes_with_the_reason()
    {
        const string Path = "/calico/resources/v3/projectcalico.org/ippools/p";

        foreach (var bad in new[] { "", "not json", "[]", "7", """{"spec":[]}""", """{"spec":{},"spec":{}}""",
            """{"metadata":{"name":"\ud800"}}""", """{"spec":{"blockSize":1e99}}""" })
        {
            Assert.That(Decode(Path, bad) is { Value: null, Error: not null }, Is.True, bad);
        }

        Assert.That(Decode(Path, """{"metadata":{"name":"p"},"spec":{"cidr":"x"}}""") is
            { Key: { Kind: "IPPool", Name: "p" }, Value: null, Error: { } error }
                && error.Contains("spec.cidr", StringComparison.Ordinal), Is.True);
    }

    [Test]
    public void Old_pools_are_read_with_the_defaults_that_count() =>
        Assert.That(Kinds.IpPool.TryRead(Decode("/calico/resources/v3/projectcalico.org/ippools/p",
            """{"metadata":{"name":"p"},"spec":{"cidr":"fd00::/64"}}"""), out var pool)
            && pool.Spec is { BlockSize: 122, NodeSelector: "all()", IpipMode: "Never", AllowedUses.Length: 2 }, Is.True);

    [Test]
    public void Protocol_names_are_read_in_any_case_and_written_exactly()
    {
        Assert.That(Kinds.Profile.TryRead(Decode("/calico/resources/v3/projectcalico.org/profiles/p",
            """{"metadata":{"name":"p"},"spec":{"ingress":[{"action":"Allow","protocol":"tcp","destination":{"ports":[80]}}]}}"""),
            out var profile), Is.True);

        Assert.That(profile!.Spec.Ingress!.Value[0].Protocol, Is.EqualTo(new NumberOrString("TCP")));
    }

    [Test]
    public void Validation_says_everything_that_is_wrong()
    {
        var pool = new Resource<IpPoolSpec>
        {
            Kind = "IPPool",
            Metadata = new() { Name = "Not_A_Name" },
            Spec = new() { Cidr = "10.0.0.1/24", IpipMode = "Sometimes", NodeSelector = "a ==" },
        };

        Assert.That(Kinds.IpPool.Validate(pool).Select(error => error.Path),
            Is.EquivalentTo(new[] { "metadata.name", "spec.cidr", "spec.ipipMode", "spec.nodeSelector" }));
    }

    [Test]
    public void Policies_say_their_name_in_the_store_and_older_ones_lose_their_prefix()
    {
        var kind = Kinds.NetworkPolicy;
        var stored = kind.Encode(kind.Create(new() { Name = "p", Namespace = "ns" }));

        Assert.That(Encoding.UTF8.GetString(stored), Does.Contain("projectcalico.org/metadata"));
        Assert.That(kind.DecodeStored(stored).Metadata, Has.Property("Annotations").Null.And.Property("Name").EqualTo("p"));
        Assert.That(kind.DecodeStored(Encoding.UTF8.GetBytes("""{"metadata":{"name":"default.q","namespace":"ns"}}""")).Metadata.Name,
            Is.EqualTo("q"));
    }

    private static SyncUpdate Decode(string key, string value) =>
        All.TryDecode(key, Encoding.UTF8.GetBytes(value), out var update) ? update : throw new AssertionException($"{key} is not known");
}
