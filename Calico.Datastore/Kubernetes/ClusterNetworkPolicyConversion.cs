using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;

namespace Calico.Datastore.Kubernetes;

/// <summary><c>policy.networking.k8s.io/v1alpha2</c> ClusterNetworkPolicy as a GlobalNetworkPolicy of ours, with upstream's meaning.
/// </summary>
/// <remarks>A rule that cannot be converted and would have denied or passed becomes one that denies everything in its direction; one
/// that would have accepted is left out. Without a known tier or subject the whole object stands for no policy.</remarks>
public static class ClusterNetworkPolicyConversion
{
    /// <summary>Kind of the keys of converted policies.</summary>
    public const string Kind = "KubernetesClusterNetworkPolicy";

    private const string Pods = "projectcalico.org/orchestrator == 'k8s'";

    /// <summary>Pure. Never throws for content: what is wrong is in <see cref="ConvertedPolicy.Errors"/>.</summary>
    /// <param name="manifest">The object, as the API server gives it.</param>
    public static ConvertedPolicy Convert(JsonElement manifest)
    {
        var metadata = KubernetesJson.Member(manifest, "metadata");
        var name = KubernetesJson.Member(metadata, "name") is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";
        var revision = KubernetesJson.Member(metadata, "resourceVersion") is { ValueKind: JsonValueKind.String } version
            ? version.GetString() : null;
        var spec = KubernetesJson.Member(manifest, "spec");
        var errors = ImmutableArray.CreateBuilder<string>();
        try
        {
            var (selector, namespaces) = Subject(KubernetesJson.Member(spec, "subject"));
            var (ingress, egress) = (Rules(spec, "ingress", "from", errors), Rules(spec, "egress", "to", errors));
            var policy = new Resource<GlobalNetworkPolicySpec>
            {
                Kind = Kinds.GlobalNetworkPolicy.Name,
                Metadata = new() { Name = name, ResourceVersion = revision },
                Spec = new()
                {
                    Tier = KubernetesJson.RequiredText(spec, "tier", "spec") switch
                    {
                        "Admin" => "kube-admin",
                        "Baseline" => "kube-baseline",
                        var other => throw new ConversionException($"spec.tier: unknown value \"{other}\""),
                    },
                    Order = Priority(spec),
                    Selector = selector is null ? Pods : $"{Pods} && {selector}",
                    NamespaceSelector = namespaces ?? "all()",
                    Types = [.. new[] { ingress.IsEmpty ? null : "Ingress", egress.IsEmpty ? null : "Egress" }.OfType<string>()],
                    Ingress = ingress,
                    Egress = egress,
                },
            };
            return new(new(Kind, "", name), ingress.IsEmpty && egress.IsEmpty ? null : policy, errors.ToImmutable());
        }
        catch (ConversionException e)
        {
            errors.Add(e.Message);
            return new(new(Kind, "", name), null, errors.ToImmutable());
        }
    }

    private static double Priority(JsonElement spec) => KubernetesJson.Member(spec,
        "priority") is { ValueKind: JsonValueKind.Number } priority
        ? priority.GetDouble()
        : throw new ConversionException("spec.priority: a number is expected");

    private static (string? Selector, string? Namespaces) Subject(JsonElement subject)
    {
        if (KubernetesJson.Has(subject, "namespaces"))
        {
            return (null, LabelSelectorText.Of(KubernetesJson.Member(subject, "namespaces"), "spec.subject.namespaces"));
        }

        return KubernetesJson.Member(subject, "pods") is { ValueKind: JsonValueKind.Object } pods
            ? (LabelSelectorText.Of(KubernetesJson.Member(pods, "podSelector"), "spec.subject.pods.podSelector"),
                LabelSelectorText.Of(KubernetesJson.Member(pods, "namespaceSelector"), "spec.subject.pods.namespaceSelector"))
            : throw new ConversionException("spec.subject: namespaces or pods is expected");
    }

    private static ImmutableArray<Rule> Rules(JsonElement spec, string direction, string peers, ImmutableArray<string>.Builder errors)
    {
        var rules = ImmutableArray.CreateBuilder<Rule>();
        var index = 0;
        foreach (var rule in KubernetesJson.Items(spec, direction, "spec"))
        {
            var field = $"spec.{direction}[{index++}]";
            var action = ActionOf(rule);
            try
            {
                rules.AddRange(Rule(rule, action ?? throw new ConversionException($"{field}.action: is none of Accept, Deny and Pass"),
                    field, peers));
            }
            catch (ConversionException e)
            {
                errors.Add(e.Message);
                if (action != "Allow")
                {
                    rules.Add(new() { Action = "Deny", Metadata = NameOf(rule) });
                }
            }
        }

        return rules.ToImmutable();
    }

    /// <summary>Null: unknown.</summary>
    private static string? ActionOf(JsonElement rule) => KubernetesJson.Member(rule, "action") is { ValueKind: JsonValueKind.String } action
        ? action.GetString() switch { "Accept" => "Allow", "Deny" => "Deny", "Pass" => "Pass", _ => null }
        : null;

    private static RuleMetadata? NameOf(JsonElement rule) => KubernetesJson.Member(rule, "name") is { ValueKind: JsonValueKind.String } name
        ? new() { Annotations = ImmutableSortedDictionary<string, string>.Empty.Add("name", name.GetString()!) }
        : null;

    private static IEnumerable<Rule> Rule(JsonElement rule, string action, string field, string peersName)
    {
        var index = 0;
        var peers = KubernetesJson.Items(rule, peersName, field)
            .SelectMany(peer => Peers(peer, $"{field}.{peersName}[{index++}]")).ToList();
        if (peers.Count == 0)
        {
            throw new ConversionException($"{field}.{peersName}: at least one peer is expected");
        }

        index = 0;
        var protocols = KubernetesJson.Items(rule, "protocols", field).Select(p => Protocol(p, $"{field}.protocols[{index++}]")).ToList();
        var isIngress = peersName == "from";
        return [.. from protocol in protocols.DefaultIfEmpty((null, null))
            from peer in peers
            select new Rule
            {
                Action = action,
                Metadata = NameOf(rule),
                Protocol = protocol.Protocol is null ? null : new NumberOrString(protocol.Protocol),
                Source = isIngress ? peer : null,
                Destination = isIngress
                    ? protocol.Port is null ? null : new EntityRule { Ports = [protocol.Port.Value] }
                    : protocol.Port is null ? peer : peer with { Ports = [protocol.Port.Value] },
            }];
    }

    private static IEnumerable<EntityRule> Peers(JsonElement peer, string field)
    {
        if (KubernetesJson.Has(peer, "namespaces"))
        {
            return [new()
            {
                Selector = Pods,
                NamespaceSelector = LabelSelectorText.Of(KubernetesJson.Member(peer, "namespaces"), field + ".namespaces") ?? "all()",
            }];
        }

        if (KubernetesJson.Member(peer, "pods") is { ValueKind: JsonValueKind.Object } pods)
        {
            var selector = LabelSelectorText.Of(KubernetesJson.Member(pods, "podSelector"), field + ".pods.podSelector");
            return [new()
            {
                Selector = selector is null ? Pods : $"{Pods} && {selector}",
                NamespaceSelector = LabelSelectorText.Of(KubernetesJson.Member(pods, "namespaceSelector"),
                    field + ".pods.namespaceSelector") ?? "all()",
            }];
        }

        if (KubernetesJson.Has(peer, "networks"))
        {
            // Of one family each, because a rule of ours has ranges of one family.
            return [.. KubernetesJson.Items(peer, "networks", field).Select(net => Net(net, field + ".networks"))
                .GroupBy(net => net.IsIpv6).Select(family => new EntityRule { Nets = [.. family.Select(net => net.ToString())] })];
        }

        throw new ConversionException($"{field}: none of namespaces, pods and networks");
    }

    private static Cidr Net(JsonElement value, string field)
    {
        var text = KubernetesJson.Text(value, field);
        return Cidr.TryParse(text, out var cidr) ? cidr : throw new ConversionException($"{field}: \"{text}\" is no address range");
    }

    /// <summary>A protocol with its port; a named port is of any protocol.</summary>
    private static (string? Protocol, NumberOrString? Port) Protocol(JsonElement protocol, string field)
    {
        if (KubernetesJson.Member(protocol, "destinationNamedPort") is { ValueKind: not JsonValueKind.Undefined } name)
        {
            return (null, new NumberOrString(KubernetesJson.Text(name, field + ".destinationNamedPort")));
        }

        foreach (var kind in new[] { "tcp", "udp", "sctp" })
        {
            if (KubernetesJson.Has(protocol, kind))
            {
                return (kind.ToUpperInvariant(), Port(KubernetesJson.Member(KubernetesJson.Member(protocol, kind), "destinationPort"),
                    $"{field}.{kind}.destinationPort"));
            }
        }

        throw new ConversionException($"{field}: none of tcp, udp, sctp and destinationNamedPort");
    }

    private static NumberOrString? Port(JsonElement port, string field)
    {
        if (port.ValueKind == JsonValueKind.Undefined)
        {
            return null;
        }

        if (KubernetesJson.Has(port, "number"))
        {
            return new(Number(KubernetesJson.Member(port, "number"), field + ".number"));
        }

        var range = KubernetesJson.Member(port, "range");
        var (first, last) = (Number(KubernetesJson.Member(range, "start"), field + ".range.start"),
            Number(KubernetesJson.Member(range, "end"), field + ".range.end"));
        return last >= first
            ? new(string.Create(CultureInfo.InvariantCulture, $"{first}:{last}"))
            : throw new ConversionException($"{field}.range: {last} is below {first}");
    }

    private static int Number(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number is >= 1 and <= ushort.MaxValue
            ? number
            : throw new ConversionException($"{field}: a port is expected");
}
