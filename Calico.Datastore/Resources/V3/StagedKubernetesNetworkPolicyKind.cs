using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>StagedKubernetesNetworkPolicy: Kubernetes' own fields.</summary>
public sealed record StagedKubernetesNetworkPolicySpec
{
    /// <summary>Set, Delete, Learn or Ignore.</summary>
    public string? StagedAction { get; init; }

    public KubernetesSelector? PodSelector { get; init; }
    public ImmutableArray<KubernetesIngressRule>? Ingress { get; init; }
    public ImmutableArray<KubernetesEgressRule>? Egress { get; init; }
    public ImmutableArray<string>? PolicyTypes { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>What may come in.</summary>
public sealed record KubernetesIngressRule
{
    public ImmutableArray<KubernetesPort>? Ports { get; init; }
    public ImmutableArray<KubernetesPeer>? From { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>What may go out.</summary>
public sealed record KubernetesEgressRule
{
    public ImmutableArray<KubernetesPort>? Ports { get; init; }
    public ImmutableArray<KubernetesPeer>? To { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A port, or several.</summary>
public sealed record KubernetesPort
{
    public string? Protocol { get; init; }
    public NumberOrString? Port { get; init; }
    public int? EndPort { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>The other side.</summary>
public sealed record KubernetesPeer
{
    public KubernetesSelector? PodSelector { get; init; }
    public KubernetesSelector? NamespaceSelector { get; init; }
    public KubernetesIpBlock? IpBlock { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Addresses.</summary>
public sealed record KubernetesIpBlock
{
    public string? Cidr { get; init; }
    public ImmutableArray<string>? Except { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>Labels that something must have.</summary>
public sealed record KubernetesSelector
{
    public ImmutableSortedDictionary<string, string>? MatchLabels { get; init; }
    public ImmutableArray<KubernetesRequirement>? MatchExpressions { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>What a label must be.</summary>
public sealed record KubernetesRequirement
{
    public string? Key { get; init; }

    /// <summary>In, NotIn, Exists or DoesNotExist.</summary>
    public string? Operator { get; init; }

    public ImmutableArray<string>? Values { get; init; }
    [JsonExtensionData] public Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>StagedKubernetesNetworkPolicy: a Kubernetes NetworkPolicy that is evaluated and not enforced.</summary>
internal static class StagedKubernetesNetworkPolicyKind
{
    private static readonly ObjectShape Selector = new(
        new Field("matchLabels", new MapShape()),
        List("matchExpressions", new ObjectShape(Text("key"), Text("operator"), Texts("values"))));

    private static readonly Field Ports =
        List("ports", new ObjectShape(Text("protocol"), new Field("port", new NumberOrTextShape(_ => null)), Number("endPort")));

    private static readonly ObjectShape Peer = new(
        Nested("podSelector", Selector), Nested("namespaceSelector", Selector), Nested("ipBlock", Text("cidr"), Texts("except")));

    internal static ResourceKind<StagedKubernetesNetworkPolicySpec> Create() => new()
    {
        Name = "StagedKubernetesNetworkPolicy",
        Plural = "stagedkubernetesnetworkpolicies",
        Aliases = ["stagedkubernetespolicy", "stagedkubernetespolicies", "sknp", "skpol", "skpols"],
        Namespaced = true,
        Spec = new(
            PolicyShapes.StagedAction,
            Nested("podSelector", Selector),
            List("ingress", new ObjectShape(Ports, List("from", Peer))),
            List("egress", new ObjectShape(Ports, List("to", Peer))),
            Choices("policyTypes", 2, "Ingress", "Egress"))
        {
            Rules = [PolicyShapes.DeleteStandsAlone],
        },
        WideColumns = [TableColumn.Name, TableColumn.Spec("PODSELECTOR", "podSelector")],
        BeforeStore = PolicyStorage.AddName,
        AfterRead = PolicyStorage.TakeName,
    };
}
