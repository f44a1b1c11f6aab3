using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Calico.Datastore.Resources;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Staged policies: in the lists, in their place, and without a decision.</summary>
[TestFixture]
public sealed class StagedPolicyStates
{
    private static readonly string OnlyShut = Hash("WouldDeny", "StagedGlobalNetworkPolicy(shut)");
    private static readonly string ShutAndWeb = Hash("Deny", "StagedGlobalNetworkPolicy(shut)", "GlobalNetworkPolicy(web)");

    private static readonly FelixState Alone = new FelixState("alone in a tier it adds no end to it")
    {
        Expected = $$"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/ingress/{{OnlyShut}}
              staged Deny protocol 17    # default/StagedGlobalNetworkPolicy(shut) rule 0 @7
              staged Pass any    # default/StagedGlobalNetworkPolicy(shut) @7
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{OnlyShut}},profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """,
    }
        .With(Profile("net", [Allow()], [Allow()]))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"]))
        .With(Staged("shut", "all()", [Deny("UDP")]));

    private static readonly FelixState Beside = Alone
        .With(Policy("web", order: 10, selector: "all()", ingress: [Allow(protocol: "TCP")]))
        .Called("beside an enforced one the tier ends as ever", $$"""
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            list tier/default/ingress/{{ShutAndWeb}}
              staged Deny protocol 17    # default/StagedGlobalNetworkPolicy(shut) rule 0 @7
              staged Pass any    # default/StagedGlobalNetworkPolicy(shut) @7
              Allow protocol 6    # default/GlobalNetworkPolicy(web) rule 0 @7
              Deny any    # end of tier default
            endpoint cni/w1/eth0 caliw1 Open in tier/default/ingress/{{ShutAndWeb}},profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Deleted = Beside
        .Without("GlobalNetworkPolicy", "web")
        .With(Staged("shut", "", action: "Delete"))
        .Called("staged as a deletion it is not there", """
            list profile/net/egress
              Allow any    # Profile(net) rule 0 @7
            list profile/net/ingress
              Allow any    # Profile(net) rule 0 @7
            endpoint cni/w1/eth0 caliw1 Open in profile/net/ingress out profile/net/egress
            route 10.0.0.1 caliw1
            """);

    private static readonly FelixState Unreadable = Deleted
        .WithDamaged("StagedGlobalNetworkPolicy", "shut", "no JSON")
        .Called("one that cannot be read is not there either: it would enforce nothing", Deleted.Expected);

    private static readonly FelixState Learnt = Alone.With(Staged("shut", "all()", [Deny("UDP")], action: "Learn"))
        .Called("learnt ones are evaluated too", Alone.Expected);

    private static readonly FelixState Kubernetes = Deleted
        .With(OfKubernetes("""{"stagedAction":"Set","podSelector":{},"policyTypes":["Ingress"],"ingress":[{"ports":[{"port":80}]}]}"""))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"]) with { Id = new("k8s", "w1", "eth0") })
        .WithoutLocal("none")
        .Called("Kubernetes' own, converted", null);

    private static IEnumerable<TestCaseData> Cases() => StateExpander.Cases([Alone, Beside, Deleted, Unreadable, Learnt, Kubernetes]);

    [TestCaseSource(nameof(Cases))]
    public void Staged_states_end_in_the_same_dataplane(FelixState[] states, Delivery way) => StateExpander.Replay(states, way);

    [Test]
    public void A_staged_policy_of_kubernetes_is_converted_and_decides_nothing() =>
        Assert.That(StateExpander.Snapshot(Kubernetes), Does.Contain(
        "  staged Allow protocol 6 to ports 80    # default/StagedKubernetesNetworkPolicy(default/k) rule 0")
            .And.Not.Contain("Deny any    # end"));

    [Test]
    public void An_endpoint_whose_labels_are_still_to_come_does_not_wait_for_a_staged_selector()
    {
        var pending = Deleted.With(Endpoint("w1", "10.0.0.1/32", ["net"]) with { LabelsPending = true });
        Assert.That(StateExpander.Snapshot(pending.With(Staged("s", "role == 'web'", [Allow(new() { Selector = "role == 'db'" })]))),
            Does.Contain(" Open "));
        Assert.That(StateExpander.Snapshot(pending.With(Policy("p", 1, "role == 'web'", [Allow()]))), Does.Contain(" NotLabelled "));
    }

    private static Resource OfKubernetes(string spec) => Kinds.StagedKubernetesNetworkPolicy.Decode(
        JsonDocument.Parse($$"""
            {"apiVersion":"projectcalico.org/v3","kind":"StagedKubernetesNetworkPolicy",
             "metadata":{"name":"k","namespace":"default"},"spec":{{spec}}}
            """).RootElement);

    private static string Hash(string end, params string[] policies) => System.Buffers.Text.Base64Url.EncodeToString(
        SHA256.HashData(Encoding.UTF8.GetBytes($"{end}\n{string.Join('\n', policies)}")))[..21];
}
