using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Why a profile or a policy denies although its author may have meant something else.</summary>
[TestFixture]
public sealed class PolicyFaultsTests
{
    [Test]
    public void A_profile_is_at_fault_where_it_is_not_there_not_readable_or_not_usable_in_either_direction()
    {
        Assert.That(PolicyFaults.OfProfile("net", null), Is.EqualTo("no such profile"));
        Assert.That(PolicyFaults.OfProfile("net", new(Kinds.Profile.Key("net"), null)), Is.EqualTo("no such profile"));
        Assert.That(PolicyFaults.OfProfile("projectcalico-default-allow", null), Is.Null);
        Assert.That(PolicyFaults.OfProfile("net", new(Kinds.Profile.Key("net"), null, "spec: not an object")),
            Is.EqualTo("spec: not an object"));
        Assert.That(OfProfile(Profile("net", [Allow(), Deny("TCP")], [Allow()])), Is.Null);
        Assert.That(OfProfile(Profile("net")), Is.Null);
        Assert.That(OfProfile(Profile("net", [Allow(), Allow(new() { Selector = "color = red" })], [Allow()])),
            Is.EqualTo("selector: expected =="));
        Assert.That(OfProfile(Profile("net", [Allow()], [Allow() with { Action = "Sing" }])), Is.EqualTo("action: unknown value \"Sing\""));
    }

    [Test]
    public void A_policy_is_at_fault_as_it_is_compiled_unless_it_is_gone()
    {
        Assert.That(OfPolicy(Policy("p", 1, "all()", [Allow()], [Deny()])), Is.Null);
        Assert.That(OfPolicy(Policy("p", 1, "a ==", [Allow()])), Does.StartWith("selector: "));
        Assert.That(OfPolicy(Policy("p", 1, "all()", [Allow()], [Allow() with { Action = "Sing" }])),
            Is.EqualTo("action: unknown value \"Sing\""));
        Assert.That(OfPolicy(Policy("p", 1, "a ==", change: spec => spec with { DoNotTrack = true })), Does.StartWith("selector: "));
        Assert.That(PolicyFaults.OfPolicy(new(Kinds.GlobalNetworkPolicy.Key("p"), null)), Is.Null);
        Assert.That(PolicyFaults.OfPolicy(new(Kinds.GlobalNetworkPolicy.Key("p"), null, "spec: not an object")),
            Is.EqualTo("spec: not an object"));
    }

    private static string? OfProfile(Resource profile) => PolicyFaults.OfProfile(profile.Metadata.Name,
        new(Kinds.Profile.Key(profile.Metadata.Name), profile));

    private static string? OfPolicy(Resource policy) =>
        PolicyFaults.OfPolicy(new SyncUpdate(Kinds.GlobalNetworkPolicy.Key(policy.Metadata.Name), policy));
}
