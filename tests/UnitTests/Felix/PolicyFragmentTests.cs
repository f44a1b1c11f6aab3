using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>A policy that is not valid denies where it applies, and nowhere else as long as that can be read.</summary>
[TestFixture]
public sealed class PolicyFragmentTests
{
    private const string Root = ResourceKind.Root;

    [TestCase("""{"selector":"role == 'web'","ingress":[{"action":"Explode"}]}""", true, false,
        TestName = "A_bad_rule_denies_those_that_the_selector_matches")]
    [TestCase("""{"selector":"role == 'web'","types":["Ingress"],"order":"first"}""", true, false,
        TestName = "A_bad_order_denies_those_that_the_selector_matches")]
    [TestCase("""{"selector":5}""", true, true, TestName = "A_selector_that_is_no_text_denies_everybody")]
    [TestCase("""{"selector":"role =="}""", true, true, TestName = "A_selector_that_does_not_parse_denies_everybody")]
    [TestCase("""{"selector":"role == 'web'","doNotTrack":true,"applyOnForward":true,"ingress":[{"action":"Explode"}]}""", false, false,
        TestName = "An_untracked_one_is_for_hosts")]
    public void It_denies(string spec, bool web, bool other) =>
        Assert.That(Denied($$"""{"kind":"GlobalNetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"p"},"spec":{{spec}}}"""), Is.EqualTo((web, other)));

    [Test]
    public void What_is_no_JSON_denies_everybody() => Assert.That(Denied("nonsense"), Is.EqualTo((true, true)));

    [Test]
    public void Of_a_namespace_it_denies_there_alone()
    {
        var endpoints = Endpoints($"{Root}networkpolicies/other/p", "nonsense");
        Assert.That(endpoints.Values.Select(e => e.Ingress.Tiers.Count), Is.All.Zero);
        Assert.That(Endpoints($"{Root}networkpolicies/default/p", "nonsense").Values.Select(e => e.Ingress.Tiers.Count), Is.All.EqualTo(1));
    }

    private static (bool Web, bool Other) Denied(string value)
    {
        var endpoints = Endpoints($"{Root}globalnetworkpolicies/p", value);
        return (!endpoints["web"].Ingress.Tiers.IsEmpty, !endpoints["other"].Ingress.Tiers.IsEmpty);
    }

    private static Dictionary<string, EndpointUpdate> Endpoints(string key, string value)
    {
        Assert.That(ResourceKinds.All.TryDecode(key, Encoding.UTF8.GetBytes(value), out var update) && update.Value is null
            && update.Error is not null, "it is not usable");
        var graph = new CalculationGraph(FelixState.Node);
        graph.Set(FelixState.Endpoint("web", "10.0.0.1/32", [], ("role", "web")));
        graph.Set(FelixState.Endpoint("other", "10.0.0.2/32", []));
        graph.Apply(new(SyncStatus.InSync, 1, [update!]));
        return graph.Flush().OfType<EndpointUpdate>().ToDictionary(e => e.Id.Workload);
    }
}
