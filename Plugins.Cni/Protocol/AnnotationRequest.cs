using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using System.Text.Json;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>What a pod asks for by annotation; the pod's own beats its namespace's.</summary>
internal sealed record AnnotationRequest
{
    public const string Prefix = "cni.projectcalico.org/";

    public static readonly AnnotationRequest None = new();

    /// <summary>Null: not asked.</summary>
    public ImmutableArray<string>? Ipv4Pools { get; private init; }

    public ImmutableArray<string>? Ipv6Pools { get; private init; }

    /// <summary>From IPAM, these.</summary>
    public ImmutableArray<IPAddress> Addresses { get; private init; } = [];

    /// <summary>These, and IPAM is not asked.</summary>
    public ImmutableArray<IPAddress> AddressesWithoutIpam { get; private init; } = [];

    public PhysicalAddress? Mac { get; private init; }

    public ImmutableArray<IPNetwork> AllowedSources { get; private init; } = [];

    /// <summary>Null: as configured.</summary>
    public (bool Ipv4, bool Ipv6)? Families { get; private init; }

    /// <summary>Of a call. As upstream, annotations count only where Kubernetes is the policy's source: without that, whoever starts a
    /// container at a runtime could choose addresses.</summary>
    public static AnnotationRequest Of(CniCall call, NetworkConfiguration configuration) =>
        configuration.IsKubernetesPolicy && call.Args.IsKubernetes
            ? Read(configuration.PodAnnotations, ImmutableSortedDictionary<string, string>.Empty, configuration)
            : None;

    /// <param name="pod">The pod's annotations.</param>
    /// <param name="podNamespace">Its namespace's.</param>
    /// <param name="configuration">Decides which are allowed.</param>
    /// <exception cref="CniException">Code 7: an annotation that cannot be read, or that the configuration does not allow.</exception>
    public static AnnotationRequest Read(IReadOnlyDictionary<string, string> pod, IReadOnlyDictionary<string, string> podNamespace,
        NetworkConfiguration configuration)
    {
        if (pod.Count == 0 && podNamespace.Count == 0)
        {
            return None;
        }

        var addresses = Addressed(pod, "ipAddrs");
        var withoutIpam = Addressed(pod, "ipAddrsNoIpam");
        if (addresses.Length > 0 && withoutIpam.Length > 0)
        {
            throw Invalid("can't have both annotations: 'ipAddrs' and 'ipAddrsNoIpam' in use at the same time");
        }

        if (addresses.Length > 0 && configuration.Ipam.IsDelegated)
        {
            throw Invalid($"ipAddrs is not compatible with configured IPAM: {configuration.Ipam.Type}");
        }

        if (withoutIpam.Length > 0 && !(configuration.AllowsAddressesWithoutIpam && configuration.IsKubernetesPolicy))
        {
            throw Invalid("requested feature is not enabled: ip_addrs_no_ipam");
        }

        if (pod.ContainsKey(Prefix + "floatingIPs"))
        {
            throw configuration.AllowsFloatingIps
                ? new CniException(CniCode.UnsupportedField, $"annotation {Prefix}floatingIPs is not supported", Prefix + "floatingIPs")
                : Invalid("requested feature is not enabled: floating_ips");
        }

        return new AnnotationRequest
        {
            Ipv4Pools = PoolsOf(pod, podNamespace, "ipv4pools"),
            Ipv6Pools = PoolsOf(pod, podNamespace, "ipv6pools"),
            Addresses = addresses,
            AddressesWithoutIpam = withoutIpam,
            Mac = MacOf(pod),
            AllowedSources = SourcesOf(pod),
            Families = FamiliesOf(pod),
        };
    }

    private static ImmutableArray<string>? PoolsOf(IReadOnlyDictionary<string, string> pod,
        IReadOnlyDictionary<string, string> podNamespace, string name) =>
        List(pod, name) ?? List(podNamespace, name);

    private static ImmutableArray<IPAddress> Addressed(IReadOnlyDictionary<string, string> pod, string name)
    {
        if (List(pod, name) is not { } texts)
        {
            return [];
        }

        if (texts.IsEmpty)
        {
            throw Invalid($"annotation \"{Prefix}{name}\" specified but empty");
        }

        var addresses = texts.Select(text => InterfaceAddress.TryParse(text, out var address) && !text.Contains('/')
            ? address
            : throw Invalid($"invalid IP format: {text}")).ToArray();
        foreach (var ipv4 in (ReadOnlySpan<bool>)[true, false])
        {
            if (addresses.Count(a => a.IsIpv4 == ipv4) > 1)
            {
                throw Invalid($"cannot have two {(ipv4 ? "IPv4" : "IPv6")} addresses for '{Prefix}{name}' annotation");
            }
        }

        return [.. addresses.Select(a => a.Address)];
    }

    private static PhysicalAddress? MacOf(IReadOnlyDictionary<string, string> pod)
    {
        if (!pod.TryGetValue(Prefix + "hwAddr", out var text))
        {
            return null;
        }

        return MacAddress.TryParse(text, out var mac) ? mac : throw Invalid($"failed to parse MAC address \"{text}\"");
    }

    private static ImmutableArray<IPNetwork> SourcesOf(IReadOnlyDictionary<string, string> pod)
    {
        if (List(pod, "allowedSourcePrefixes") is not { } texts)
        {
            return [];
        }

        return [.. texts.Select(text => InterfaceAddress.TryParse(text, out var cidr)
            ? cidr.ToNetwork()
            : throw Invalid($"failed to parse '{text}' as a CIDR"))];
    }

    private static (bool Ipv4, bool Ipv6)? FamiliesOf(IReadOnlyDictionary<string, string> pod)
    {
        if (!pod.TryGetValue(Prefix + "ipFamilies", out var raw))
        {
            return null;
        }

        var families = TextsIn(raw);
        if (families is not { Length: > 0 } || families.Value.Any(f => f is not ("IPv4" or "IPv6")))
        {
            throw Invalid($"error parsing ipFamilies: {raw}");
        }

        return (families.Value.Contains("IPv4"), families.Value.Contains("IPv6"));
    }

    private static ImmutableArray<string>? List(IReadOnlyDictionary<string, string> annotations, string name)
    {
        if (!annotations.TryGetValue(Prefix + name, out var raw))
        {
            return null;
        }

        return TextsIn(raw) ?? throw Invalid($"failed to parse '{raw}' as JSON for annotation \"{Prefix}{name}\"");
    }

    private static ImmutableArray<string>? TextsIn(string raw)
    {
        try
        {
            using var document = JsonDocument.Parse(raw);
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Array && root.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
                ? [.. root.EnumerateArray().Select(v => v.GetString()!)]
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape that is half a character.
            return null;
        }
    }

    private static CniException Invalid(string message) => new(CniCode.InvalidConfiguration, message);
}
