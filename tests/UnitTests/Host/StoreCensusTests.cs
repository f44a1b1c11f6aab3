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
        var taken = new CalculationGraph("n1").AppliedKinds.Concat(DatastoreView.KeptKinds).Distinct()
            .Where(kind => ResourceKinds.All.TryFind(kind, out _));

        Assert.That(EnforcedKinds.Names, Is.EquivalentTo(taken));
    }

    [Test]
    public void B14_what_nothing_obeys_is_counted_while_it_stands_in_the_store()
    {
        var census = new StoreCensus();
        census.Accept(Batch(Stored("BGPFilter", "a"), Stored("BGPFilter", "b"), Stored("Tier", "t"), Stored("GlobalNetworkPolicy", "g"),
            Stored("HostEndpoint", "h"),
            Policy("raw", new() { DoNotTrack = true }), Policy("nat", new() { PreDnat = true }), Stored("Profile", "p"),
            new(Kinds.BgpPeer.Key("broken"), null, "no JSON")));
        Assert.That(census.Idle, Is.EqualTo(new Dictionary<string, int> { ["BGPPeer"] = 1, ["BGPFilter"] = 2 }));

        census.Accept(Batch(new SyncUpdate(Kinds.BgpFilter.Key("a"), null), new SyncUpdate(Kinds.BgpPeer.Key("broken"), null)));
        Assert.That(census.Idle, Is.EqualTo(new Dictionary<string, int> { ["BGPFilter"] = 1 }));
    }

    [Test]
    public void A_policy_that_cannot_be_used_is_named_while_it_stands_in_the_store()
    {
        var census = new StoreCensus();
        census.Accept(Batch(
            Policy("whole", new() { Selector = "all()" }),
            Policy("selector", new() { Selector = "a ==" }),
            Policy("rule", new() { Ingress = [new() { Action = "Explode" }] }),
            new(Kinds.StagedNetworkPolicy.Key("ns", "staged"), null, "no JSON"),
            new SyncUpdate(Kinds.HostEndpoint.Key("host"), Kinds.HostEndpoint.New("host", new() { Node = "n1" })),
            new(Kinds.NetworkPolicy.Key("ns", "damaged"), null, "no JSON")));
        Assert.That(census.Unusable.Select(u => u.Key.ToString()), Is.EqualTo(
            new[] { "GlobalNetworkPolicy(rule)", "GlobalNetworkPolicy(selector)", "HostEndpoint(host)", "NetworkPolicy(ns/damaged)" }));
        Assert.That(census.Unusable[0].Reason, Is.EqualTo("action: unknown value \"Explode\""));
        Assert.That(census.Unusable[1].Reason, Does.StartWith("selector: "));

        census.Accept(Batch(Policy("selector", new()), new SyncUpdate(Kinds.GlobalNetworkPolicy.Key("rule"), null),
            new(Kinds.HostEndpoint.Key("host"), null), new(Kinds.NetworkPolicy.Key("ns", "damaged"), null)));
        Assert.That(census.Unusable, Is.Empty);
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

    private static SyncUpdate Stored(string kind, string name) =>
        new(ResourceKinds.All.Named(kind).Key(name), ResourceKinds.All.Named(kind).Create(new() { Name = name }));

    [Test]
    public void What_of_a_policy_is_not_enforced_is_named()
    {
        var census = new StoreCensus();
        census.Accept(Batch(
            Policy("http", new() { Ingress = [new() { Action = "Allow", Http = new() }] }),
            Policy("services", new() { Egress = [new() { Action = "Allow", Destination = new() { Services = new() { Name = "web" } } }] }),
            Policy("plain", new() { Ingress = [new() { Action = "Allow" }] })));
        Assert.That(census.Partly.Select(p => p.Key.Name), Is.EqualTo(new[] { "http" }));
        Assert.That(census.Unusable.Select(p => p.Key.Name), Is.EqualTo(new[] { "services" }));
        census.Accept(Batch(Policy("http", new())));
        Assert.That(census.Partly, Is.Empty);
    }

    private static SyncUpdate Policy(string name, GlobalNetworkPolicySpec spec) =>
        new(Kinds.GlobalNetworkPolicy.Key(name), Kinds.GlobalNetworkPolicy.New(name, spec));

    private static SyncBatch Batch(params SyncUpdate[] updates) => new(SyncStatus.InSync, 1, [.. updates]);
}
