using System.Collections.Immutable;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Kubernetes;

/// <summary><c>networking.k8s.io/v1</c> NetworkPolicy as a NetworkPolicy of ours, with upstream's meaning.</summary>
/// <remarks>Order 1,000 in the tier <c>default</c>; the types are what it says, or ingress alone. A rule that cannot be converted is left
/// out: it would have allowed something. Upstream: backend/k8s/conversion.</remarks>
public static class NetworkPolicyConversion
{
    /// <summary>Kind of the keys of converted policies.</summary>
    public const string Kind = "KubernetesNetworkPolicy";

    private const double Order = 1000;
    private const string Pods = "projectcalico.org/orchestrator == 'k8s'";

    /// <summary>Pure. Never throws for content: what is wrong is in <see cref="ConvertedPolicy.Errors"/>.</summary>
    /// <param name="manifest">The object, as the API server gives it.</param>
    public static ConvertedPolicy Convert(JsonElement manifest)
    {
        var metadata = KubernetesJson.Member(manifest, "metadata");
        var (name, space) = (TextOf(metadata, "name"), TextOf(metadata, "namespace") is { Length: > 0 } given ? given : "default");
        var spec = KubernetesJson.Member(manifest, "spec");
        var errors = ImmutableArray.CreateBuilder<string>();
        var policy = new Resource<NetworkPolicySpec>
        {
            Kind = Kinds.NetworkPolicy.Name,
            Metadata = new() { Name = name, Namespace = space, ResourceVersion = TextOf(metadata, "resourceVersion") },
        };
        try
        {
            var selector = LabelSelectorText.Of(KubernetesJson.Member(spec, "podSelector"), "spec.podSelector");
            policy = policy with
            {
                Spec = new()
                {
                    Tier = "default",
                    Order = Order,
                    Selector = selector is null ? Pods : $"{Pods} && {selector}",
                    Types = Types(spec),
                    Ingress = Rules(spec, "ingress", "from", errors),
                    Egress = Rules(spec, "egress", "to", errors),
                },
            };
        }
        catch (ConversionException e)
        {
            // Whose pods are meant is not known, so none are: as upstream, which refuses the whole object.
            errors.Add(e.Message);
            return new(new(Kind, space, name), null, errors.ToImmutable());
        }

        return new(new(Kind, space, name), policy, errors.ToImmutable());
    }

    private static ImmutableArray<string> Types(JsonElement spec)
    {
        var types = KubernetesJson.Items(spec, "policyTypes", "spec").Select(t => KubernetesJson.Text(t, "spec.policyTypes"))
            .ToImmutableArray();
        return types.FirstOrDefault(t => t is not ("Ingress" or "Egress")) is { } unknown
            ? throw new ConversionException($"spec.policyTypes: unknown value \"{unknown}\"")
            : types.IsEmpty ? ["Ingress"] : types;
    }

    private static ImmutableArray<Rule> Rules(JsonElement spec, string direction, string peers, ImmutableArray<string>.Builder errors)
    {
        var rules = ImmutableArray.CreateBuilder<Rule>();
        var index = 0;
        foreach (var rule in KubernetesJson.Items(spec, direction, "spec"))
        {
            var field = $"spec.{direction}[{index++}]";
            try
            {
                rules.AddRange(Rule(rule, field, peers));
            }
            catch (ConversionException e)
            {
                errors.Add(e.Message);
            }
        }

        return rules.ToImmutable();
    }

    /// <summary>One rule of theirs is one of ours for each protocol and peer.</summary>
    private static IEnumerable<Rule> Rule(JsonElement rule, string field, string peersName)
    {
        var groups = KubernetesPorts.ByProtocol(KubernetesJson.Items(rule, "ports", field), field + ".ports");
        var index = 0;
        var peers = KubernetesJson.Items(rule, peersName, field)
            .Select(peer => (EntityRule?)Peer(peer, $"{field}.{peersName}[{index++}]")).ToList();
        var isIngress = peersName == "from";
        return [.. from @group in groups
            from peer in peers.DefaultIfEmpty(null)
            select new Rule
            {
                Action = "Allow",
                Protocol = @group.Protocol is null ? null : new NumberOrString(@group.Protocol),
                Source = isIngress ? peer : null,
                Destination = isIngress
                    ? @group.Ports is null ? null : new EntityRule { Ports = @group.Ports }
                    : peer is null && @group.Ports is null ? null : (peer ?? new()) with { Ports = @group.Ports },
            }];
    }

    private static EntityRule Peer(JsonElement peer, string field)
    {
        if (KubernetesJson.Member(peer, "ipBlock") is { ValueKind: not JsonValueKind.Undefined } block)
        {
            if (KubernetesJson.Has(peer, "podSelector") || KubernetesJson.Has(peer, "namespaceSelector"))
            {
                throw new ConversionException($"{field}: ipBlock stands alone");
            }

            var except = KubernetesJson.Items(block, "except", field + ".ipBlock").Select(e => Net(e, field + ".ipBlock.except"))
                .ToImmutableArray();
            return new()
            {
                Nets = [Net(KubernetesJson.Member(block, "cidr"), field + ".ipBlock.cidr")],
                NotNets = except.IsEmpty ? null : except,
            };
        }

        var (hasPods, hasNamespaces) = (KubernetesJson.Has(peer, "podSelector"), KubernetesJson.Has(peer, "namespaceSelector"));
        if (!hasPods && !hasNamespaces)
        {
            throw new ConversionException($"{field}: podSelector, namespaceSelector or ipBlock is expected");
        }

        var pods = LabelSelectorText.Of(KubernetesJson.Member(peer, "podSelector"), field + ".podSelector");
        return new()
        {
            Selector = pods is null ? Pods : $"{Pods} && {pods}",
            NamespaceSelector = hasNamespaces
                ? LabelSelectorText.Of(KubernetesJson.Member(peer, "namespaceSelector"), field + ".namespaceSelector") ?? "all()"
                : null,
        };
    }

    private static string Net(JsonElement value, string field)
    {
        var text = KubernetesJson.Text(value, field);
        return Cidr.TryParse(text, out var cidr) ? cidr.ToString()
            : throw new ConversionException($"{field}: \"{text}\" is no address range");
    }

    private static string TextOf(JsonElement of, string name) =>
        KubernetesJson.Member(of, name) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";
}
