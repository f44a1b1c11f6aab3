using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Whom a policy is for, in which directions, and why one denies.</summary>
[TestFixture]
public sealed class PolicyPlaceTests
{
    private static readonly Dictionary<string, JsonElement> Unknown =
        new() { ["zeta"] = JsonDocument.Parse("1").RootElement, ["alpha"] = JsonDocument.Parse("1").RootElement };

    private static readonly Rule[] Some = [Allow()];

    [TestCase(null, false, false, "in")]
    [TestCase(null, true, false, "in")]
    [TestCase(null, false, true, "out")]
    [TestCase(null, true, true, "in out")]
    [TestCase("Ingress", true, true, "in")]
    [TestCase("egress", true, true, "out")]
    [TestCase("EGRESS Ingress", false, false, "in out")]
    [TestCase("Ingress Ingress Egress Egress", true, false, "in out")]
    [TestCase("Sideways", true, false, "in out")]
    public void Its_directions_are_its_types_or_those_of_its_rules(string? types, bool ingress, bool egress, string directions) =>
        Assert.That(
        Places(Policy("p", 1, "all()", ingress ? Some : null, egress ? Some : null, change: spec =>
            spec with { Types = types?.Split(' ').ToImmutableArray() })),
        Is.EqualTo(new[] { $"shop {directions}", $"web {directions}" }));

    [Test]
    public void Its_selectors_are_joined()
    {
        Assert.That(Places(Policy("p", 1, "role == 'web'", Some)), Is.EqualTo(new[] { "web in" }));
        Assert.That(Places(Policy("p", 1, "", Some, change: spec => spec with { NamespaceSelector = "env == 'prod'" })),
            Is.EqualTo(new[] { "shop in" }));
        Assert.That(Places(Policy("p", 1, "role == 'web'", Some, change: spec =>
            spec with { NamespaceSelector = "env == 'prod'" })), Is.Empty);
        Assert.That(Places(Policy("p", 1, "", Some, change: spec => spec with { NamespaceSelector = "" })), Has.Length.EqualTo(2));
        Assert.That(Places(Policy("p", 1, "", Some, change: spec =>
            spec with { ServiceAccountSelector = "team == 'blue'" })), Is.EqualTo(new[] { "web in" }));
        Assert.That(Places(Policy("p", 1, "", Some, change: spec => spec with { ServiceAccountSelector = "" })), Has.Length.EqualTo(2));
        Assert.That(Places(NamespacedPolicy("p", "prod", "", Some)), Is.EqualTo(new[] { "shop in" }));
        Assert.That(Places(NamespacedPolicy("p", "prod", "role == 'web'", Some)), Is.Empty);
    }

    [Test]
    public void The_first_reason_why_it_denies_is_told()
    {
        Assert.That(Fault(spec => spec with { Unknown = Unknown }), Is.EqualTo("unknown field alpha"));
        Assert.That(Fault(spec => spec with { Unknown = [] }), Is.Null);
        Assert.That(Fault(spec => spec with { NamespaceSelector = "a ==" }), Does.StartWith("namespaceSelector: "));
        Assert.That(Fault(spec => spec with { ServiceAccountSelector = "a ==" }), Does.StartWith("serviceAccountSelector: "));
        Assert.That(Fault(spec => spec with { Types = ["Sideways"] }), Is.EqualTo("types: unknown value \"Sideways\""));
        Assert.That(Fault(spec => spec with { Unknown = Unknown, Selector = "a ==", Types = ["Sideways"] }),
            Is.EqualTo("unknown field alpha"));
        Assert.That(Fault(spec => spec with { Selector = "a ==", Types = ["Sideways"] }), Does.StartWith("selector: "));
        Assert.That(Fault(spec => spec with { PreDnat = true, Selector = "a ==" }), Does.StartWith("selector: "));
        var namespaced = NamespacedPolicy("p", "prod", "all()", Some);
        var spec = namespaced.Spec with { Unknown = Unknown };
        var key = Kinds.NetworkPolicy.Key("prod", "p");
        Assert.That(PolicyFaults.OfPolicy(new(key, namespaced with { Spec = spec })),
            Is.EqualTo("unknown field alpha"));
        Assert.That(PolicyFaults.OfPolicy(new(key, null, "spec.order: not a number") { Fragment = namespaced }),
            Is.EqualTo("spec.order: not a number"));
        Assert.That(PolicyFaults.OfPolicy(new(Kinds.GlobalNetworkPolicy.Key("p"), null, "spec.order: not a number") { Fragment =
            Policy("p", 1, "all()", Some) }),
            Is.EqualTo("spec.order: not a number"));
        Assert.That(PolicyFaults.OfProfile("net", new(Kinds.Profile.Key("net"), Policy("p", 1, "all()"))), Is.EqualTo("not a profile"));
    }

    [Test]
    public void Where_it_comes_from_is_its_revision_or_nothing()
    {
        var policy = Policy("p", 1, "all()", Some);
        Assert.That(Dump(policy), Does.Contain("Allow any    # default/GlobalNetworkPolicy(p) rule 0 @7"));
        Assert.That(Dump(policy with { Metadata = policy.Metadata with { ResourceVersion = null } }),
            Does.Contain("Allow any    # default/GlobalNetworkPolicy(p) rule 0\n"));
        var namespaced = NamespacedPolicy("p", "prod", "", Some);
        Assert.That(Dump(namespaced with { Metadata = namespaced.Metadata with { ResourceVersion = null } }),
            Does.Contain("Allow any    # default/NetworkPolicy(prod/p) rule 0\n"));
        Assert.That(StateExpander.Snapshot(State.With(Endpoint("w", "10.0.0.9/32", ["projectcalico-default-allow"]))),
            Does.Contain("list profile/projectcalico-default-allow/ingress\n  Allow any    # "
                + "Profile(projectcalico-default-allow) rule 0\n"));
    }

    [TestCase(1, true)]
    [TestCase(62, true)]
    [TestCase(63, false)]
    [TestCase(0, false)]
    public void A_service_account_is_a_label_while_its_name_can_be_one(int length, bool isLabel)
    {
        var name = new string('a', length);
        var state = State.With(Policy("p", 1, "has(projectcalico.org/serviceaccount)",
            [Allow(new() { Selector = "has(projectcalico.org/serviceaccount)" })]));
        var remote = Remote("far", "10.1.0.1/32");
        var text = StateExpander.Snapshot(state.With(Endpoint("w", "10.0.0.9/32", []) with { ServiceAccount = name })
            .With(remote with { Spec = remote.Spec with { ServiceAccountName = name } }));
        Assert.That(text, isLabel ? Does.Contain(" 10.0.0.9 10.1.0.1")
            : Does.Not.Contain(" 10.1.0.1").And.Not.Contain("cni/w/eth0 caliw Open in tier"));
    }

    private static readonly FelixState State = new FelixState("two endpoints")
        .With(Profile("kns.prod", null, null, ("pcns.env", "prod"))).With(Profile("ksa.builder", null, null, ("pcsa.team", "blue")))
        .With(Endpoint("web", "10.0.0.1/32", ["ksa.builder"], ("role", "web")) with { ServiceAccount = "builder" })
        .With(Endpoint("shop", "10.0.0.2/32", ["kns.prod"]) with { Namespace = "prod" });

    private static string Dump(Resource policy) => StateExpander.Snapshot(State.With(policy)).ReplaceLineEndings("\n");

    private static string? Fault(Func<GlobalNetworkPolicySpec, GlobalNetworkPolicySpec> change) =>
        PolicyFaults.OfPolicy(new(Kinds.GlobalNetworkPolicy.Key("p"), Policy("p", 1, "all()", Some, change: change)));

    private static string[] Places(Resource policy)
    {
        var graph = new CalculationGraph(Node);
        graph.Apply(new(SyncStatus.InSync, 1, [.. State.With(policy).Stored.Values]));
        foreach (var endpoint in State.Local.Values)
        {
            graph.Set(endpoint);
        }

        return [.. graph.Flush().OfType<EndpointUpdate>()
            .Select(e => $"{e.Id.Workload}{(e.Ingress.Tiers.IsEmpty ? "" : " in")}{(e.Egress.Tiers.IsEmpty ? "" : " out")}").Where(t =>
                t.Contains(' ', StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }
}
