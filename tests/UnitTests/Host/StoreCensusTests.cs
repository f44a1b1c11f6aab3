using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Host.Node;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

[TestFixture]
public sealed class StoreCensusTests
{
    [Test]
    public void B14_the_list_of_enforced_kinds_is_what_the_graph_and_the_host_take()
    {
        var taken = new CalculationGraph("n1").AppliedKinds.Concat(DatastoreView.KeptKinds).Distinct().Where(kind => ResourceKinds.All.TryFind(kind, out _));

        Assert.That(EnforcedKinds.Names, Is.EquivalentTo(taken));
    }

    [Test]
    public void B14_what_nothing_obeys_is_counted_while_it_stands_in_the_store()
    {
        var census = new StoreCensus();
        census.Accept(Batch(Stored("GlobalNetworkPolicy", "a"), Stored("GlobalNetworkPolicy", "b"), Stored("Tier", "default"), Stored("Tier", "t"),
            Stored("Profile", "p"), new(Kinds.BgpPeer.Key("broken"), null, "no JSON")));
        Assert.That(census.Idle, Is.EqualTo(new Dictionary<string, int> { ["BGPPeer"] = 1, ["GlobalNetworkPolicy"] = 2, ["Tier"] = 1 }));

        census.Accept(Batch(new SyncUpdate(Kinds.GlobalNetworkPolicy.Key("a"), null), new SyncUpdate(Kinds.BgpPeer.Key("broken"), null)));
        Assert.That(census.Idle, Is.EqualTo(new Dictionary<string, int> { ["GlobalNetworkPolicy"] = 1, ["Tier"] = 1 }));
    }

    [Test]
    public void A16_a_profile_that_is_gone_or_unusable_has_a_fault()
    {
        var census = new StoreCensus();
        Assert.That(census.FaultOf("p"), Is.EqualTo("no such profile"));
        Assert.That(census.FaultOf("projectcalico-default-allow"), Is.Null);

        census.Accept(Batch(Stored("Profile", "p")));
        Assert.That(census.FaultOf("p"), Is.Null);

        census.Accept(Batch(new SyncUpdate(Kinds.Profile.Key("p"), null, "no JSON")));
        Assert.That(census.FaultOf("p"), Is.EqualTo("no JSON"));

        census.Accept(Batch(new SyncUpdate(Kinds.Profile.Key("p"), new Resource<ProfileSpec>
        {
            Kind = "Profile", Metadata = new() { Name = "p" }, Spec = new() { Egress = [new() { Action = "Explode" }] },
        })));
        Assert.That(census.FaultOf("p"), Is.EqualTo("action: unknown value \"Explode\""));

        census.Accept(Batch(new SyncUpdate(Kinds.Profile.Key("p"), null)));
        Assert.That(census.FaultOf("p"), Is.EqualTo("no such profile"));
    }

    private static SyncUpdate Stored(string kind, string name) => new(ResourceKinds.All.Named(kind).Key(name), ResourceKinds.All.Named(kind).Create(new() { Name = name }));

    private static SyncBatch Batch(params SyncUpdate[] updates) => new(SyncStatus.InSync, 1, [.. updates]);
}
