using Calico.Dataplane.Reconciliation;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Nftables;
using NUnit.Framework;

namespace Calico.UnitTests.Dataplane;

/// <summary>What is written at once, and what after the packets that are under way.</summary>
public sealed class GraceTests
{
    private static readonly Provenance Where = new(Kinds.Profile.Key("net"), "", 0, "7");
    private static readonly IpSetMember Address = new(Cidr.TryParse("10.65.0.2/32", out var cidr) ? cidr
        : throw new AssertionException("address"));

    private RulesetTranslator _policy = null!;

    private Ruleset Ruleset => _policy.Ruleset;

    [SetUp]
    public void SetUp()
    {
        _policy = new(new() { NodeName = "node-a" });
        foreach (var set in new[] { "s:red", "s:blue" })
        {
            _policy.Apply(new IpSetUpdate(set, IpSetType.Hosts, [], []));
        }
    }

    private void List(params SideMatch[] sources) => List("profile/net/ingress", sources);

    private void List(string id, params SideMatch[] sources) =>
        _policy.Apply(new RuleListUpdate(
            new(id, new([.. sources.Select(s => new CompiledRule(new() { Source = s }, RuleAction.Deny, Where))]))));

    private void Endpoint(string name, params string[] lists) =>
        _policy.Apply(new EndpointUpdate(new("cni", name, "eth0"), "cali" + name, EndpointGate.Open,
        new([], [.. lists]), new([], [.. lists]), [], []));

    private void Put(string set) => _policy.Apply(new IpSetUpdate(set, IpSetType.Hosts, [Address], []));

    private void Take(string set) => _policy.Apply(new IpSetUpdate(set, IpSetType.Hosts, [], [Address]));

    /// <summary>One transaction, without the table's name.</summary>
    private string[] Commit()
    {
        using var batch = new NftBatch();
        Ruleset.Write(batch);
        Ruleset.Settle();
        return [.. Enumerable.Range(0, batch.Count)
            .Select(i => (batch[i] with { Detail = "" }).ToString().Replace(" in table inet calico", "", StringComparison.Ordinal))];
    }

    private void EndGrace() => Ruleset.EndGrace(Ruleset.Commits);

    [Test]
    public void A_member_comes_before_it_leaves_another_set()
    {
        List(new SideMatch { Set = "s:red" }, new SideMatch { Set = "s:blue" });
        Put("s:red");
        Commit();
        Take("s:red");
        Put("s:blue");
        Assert.That(Commit(), Is.EqualTo(new[] { "add elements of set s4-blue" }));
        Assert.That((Ruleset.IsPending, Ruleset.HoldsBack), Is.EqualTo((true, true)));
        Assert.That(Commit(), Is.Empty, "not before the grace period is over");
        EndGrace();
        Assert.That(Commit(), Is.EqualTo(new[] { "delete elements of set s4-red" }));
        Assert.That((Ruleset.IsPending, Ruleset.HoldsBack), Is.EqualTo((false, false)));
    }

    [Test]
    public void Of_sets_that_are_asked_for_absence_it_leaves_first()
    {
        List(new SideMatch { NotSet = "s:red" }, new SideMatch { NotSet = "s:blue" });
        Put("s:red");
        Commit();
        Take("s:red");
        Put("s:blue");
        Assert.That(Commit(), Is.EqualTo(new[] { "delete elements of set s4-red" }));
        EndGrace();
        Assert.That(Commit(), Is.EqualTo(new[] { "add elements of set s4-blue" }));

        // One rule that asks for presence, and it is as with any other.
        List(new SideMatch { NotSet = "s:red" }, new SideMatch { Set = "s:blue" });
        Take("s:blue");
        Put("s:red");
        Assert.That(Commit(), Has.None.Contains("elements"));
        EndGrace();
        Assert.That(Commit(), Is.EquivalentTo(new[] { "delete elements of set s4-blue", "add elements of set s4-red" }));
    }

    [Test]
    public void A_new_set_has_its_members_with_the_first_rule_that_asks_for_absence()
    {
        Commit();
        _policy.Apply(new IpSetUpdate("s:new", IpSetType.Hosts, [Address], []));
        List(new SideMatch { NotSet = "s:new" });
        Assert.That(Commit(), Has.Some.EqualTo("add elements of set s4-new"));
    }

    [Test]
    public void A_member_that_comes_back_while_it_waits_is_no_change()
    {
        List(new SideMatch { Set = "s:red" });
        Put("s:red");
        Commit();
        Take("s:red");
        Commit();
        Put("s:red");
        Assert.That(Ruleset.HoldsBack, Is.False);
        EndGrace();
        Assert.That(Commit(), Is.Empty);
        Assert.That(Ruleset.IsPending, Is.False);
    }

    [Test]
    public void A_period_lets_go_what_was_committed_before_it_began_and_no_more()
    {
        List(new SideMatch { Set = "s:red" }, new SideMatch { Set = "s:blue" });
        Put("s:red");
        Put("s:blue");
        Commit();
        var waits = new Queue<TaskCompletionSource>();
        using var grace = new GracePeriod(_ =>
        {
            waits.Enqueue(new());
            return waits.Last().Task;
        }, () => { });
        Take("s:red");
        Commit();
        grace.Begin(Ruleset);
        Take("s:blue");
        Commit();
        grace.Begin(Ruleset);
        Assert.That(waits, Has.Count.EqualTo(1), "one at a time");
        waits.Dequeue().SetResult();
        grace.Take(Ruleset);
        Assert.That(Commit(), Is.EqualTo(new[] { "delete elements of set s4-red" }));
        grace.Begin(Ruleset);
        waits.Dequeue().SetResult();
        grace.Take(Ruleset);
        Assert.That(Commit(), Is.EqualTo(new[] { "delete elements of set s4-blue" }));
        grace.Begin(Ruleset);
        Assert.That(waits, Is.Empty, "nothing waits");
    }

    [Test]
    public void A_list_and_its_sets_that_are_wanted_again_while_they_wait_are_no_change()
    {
        List("profile/net/ingress", new SideMatch { Nets = [Address.Address, Of("10.66.0.0/16")] });
        Endpoint("a", "profile/net/ingress");
        Commit();
        _policy.Apply(new EndpointRemove(new("cni", "a", "eth0")));
        _policy.Apply(new RuleListRemove("profile/net/ingress"));
        Assert.That(Commit(), Has.None.Contains("chain").And.None.Contains("delete set"));
        List("profile/net/ingress", new SideMatch { Nets = [Address.Address, Of("10.66.0.0/16")] });
        Endpoint("a", "profile/net/ingress");
        EndGrace();
        Assert.That(Commit(), Is.EquivalentTo(new[] { "add elements of set workloads", "add elements of set ingress-programs",
            "add elements of set egress-programs" }));
        Assert.That(Ruleset.IsPending, Is.False);
    }

    /// <summary>The two lists' numbers collide, see A8 of <see cref="RulesetTests"/>.</summary>
    [Test]
    public void A_number_is_not_used_again_before_the_period_is_over()
    {
        var (one, other) = ("profile/p26507/ingress", "profile/p27805/ingress");
        List(one);
        List(other);
        Endpoint("a", one);
        Commit();
        _policy.Apply(new EndpointRemove(new("cni", "a", "eth0")));
        Endpoint("b", other);
        Assert.That(Ruleset.Chains.Keys, Has.Some.EqualTo("program/95622cf7").And.None.EqualTo("program/95622cf6"));
        Commit();
        Endpoint("c", one);
        Assert.That(Ruleset.Chains.Keys, Has.Some.EqualTo("program/95622cf6"), "whose it was may have it");
        _policy.Apply(new EndpointRemove(new("cni", "b", "eth0")));
        _policy.Apply(new EndpointRemove(new("cni", "c", "eth0")));
        Commit();
        EndGrace();
        Commit();
        Endpoint("b", other);
        Assert.That(Ruleset.Chains.Keys, Has.Some.EqualTo("program/95622cf6"), "nobody is led there any more");
    }

    private static Cidr Of(string text) => Cidr.TryParse(text, out var range) ? range : throw new AssertionException(text);
}
