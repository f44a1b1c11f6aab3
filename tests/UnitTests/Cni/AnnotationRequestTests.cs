using System.Collections.Immutable;
using System.Net;
using System.Text;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>What a pod may ask for by annotation, and who may ask.</summary>
public sealed class AnnotationRequestTests
{
    private const string Allowing =
        """{"name":"n","policy":{"type":"k8s"},"feature_control":{"ip_addrs_no_ipam":true,"floating_ips":true},"ipam":{"type":"calico-ipam"}}""";

    private static NetworkConfiguration Parse(string text) => NetworkConfiguration.Parse(Encoding.UTF8.GetBytes(text));

    private static AnnotationRequest Read(string configuration, params (string Name, string Value)[] annotations) => AnnotationRequest.Read(
        annotations.ToDictionary(a => AnnotationRequest.Prefix + a.Name, a => a.Value), ImmutableDictionary<string, string>.Empty,
            Parse(configuration));

    private static (int Code, string Message, string Details) Refusal(string configuration,
        params (string Name, string Value)[] annotations)
    {
        var e = Assert.Throws<CniException>(() => Read(configuration, annotations))!;
        return (e.Code, e.Message, e.Details);
    }

    [Test]
    public void Each_annotation_is_read()
    {
        var asked = Read(Allowing, ("ipv4pools", """["a","10.65.0.0/16"]"""), ("ipv6pools", """["b"]"""),
            ("ipAddrs", """["10.65.0.9","fd80::9"]"""), ("hwAddr", "02:00:00:00:00:07"),
            ("allowedSourcePrefixes", """["10.9.1.1/16","fd81::1"]"""), ("ipFamilies", """["IPv6"]"""));
        Assert.That(asked.Ipv4Pools, Is.EqualTo(new[] { "a", "10.65.0.0/16" }));
        Assert.That(asked.Ipv6Pools, Is.EqualTo(new[] { "b" }));
        Assert.That(asked.Addresses, Is.EqualTo(new[] { IPAddress.Parse("10.65.0.9"), IPAddress.Parse("fd80::9") }));
        Assert.That(asked.AddressesWithoutIpam, Is.Empty);
        Assert.That(asked.Mac!.ToString(), Is.EqualTo("020000000007"));
        Assert.That(asked.AllowedSources, Is.EqualTo(new[] { IPNetwork.Parse("10.9.0.0/16"), IPNetwork.Parse("fd81::1/128") }));
        Assert.That(asked.Families, Is.EqualTo((false, true)));

        Assert.That(Read(Allowing, ("ipAddrsNoIpam", """["10.65.0.9"]""")).AddressesWithoutIpam,
            Is.EqualTo(new[] { IPAddress.Parse("10.65.0.9") }));
        Assert.That(Read(Allowing, ("ipFamilies", """["IPv4"]""")).Families, Is.EqualTo((true, false)));
        Assert.That(Read(Allowing, ("ipFamilies", """["IPv6","IPv4"]""")).Families, Is.EqualTo((true, true)));
    }

    [Test]
    public void What_is_not_asked_is_as_configured()
    {
        var asked = Read(Allowing, ("other", "x"));
        Assert.That((asked.Ipv4Pools, asked.Ipv6Pools, asked.Mac, asked.Families),
            Is.EqualTo(((ImmutableArray<string>?)null, (ImmutableArray<string>?)null, (System.Net.NetworkInformation.PhysicalAddress?)null,
                ((bool, bool)?)null)));
        Assert.That((asked.Addresses.Length, asked.AddressesWithoutIpam.Length, asked.AllowedSources.Length), Is.EqualTo((0, 0, 0)));
        Assert.That(Read(Allowing), Is.SameAs(AnnotationRequest.None));
    }

    [TestCase("ipAddrs", """["10.0.0.1/24"]""", "invalid IP format: 10.0.0.1/24")]
    [TestCase("ipAddrs", """["x"]""", "invalid IP format: x")]
    [TestCase("ipAddrs", """["fd80::1","fd80::2"]""", "cannot have two IPv6 addresses for 'cni.projectcalico.org/ipAddrs' annotation")]
    [TestCase("ipAddrsNoIpam", """["10.0.0.1","10.0.0.2"]""",
        "cannot have two IPv4 addresses for 'cni.projectcalico.org/ipAddrsNoIpam' annotation")]
    [TestCase("ipAddrsNoIpam", "[]", "annotation \"cni.projectcalico.org/ipAddrsNoIpam\" specified but empty")]
    [TestCase("ipv4pools", "{}", "failed to parse '{}' as JSON for annotation \"cni.projectcalico.org/ipv4pools\"")]
    [TestCase("ipv4pools", """["a",1]""", "failed to parse '[\"a\",1]' as JSON for annotation \"cni.projectcalico.org/ipv4pools\"")]
    [TestCase("ipv6pools", "a", "failed to parse 'a' as JSON for annotation \"cni.projectcalico.org/ipv6pools\"")]
    [TestCase("ipv6pools", """["\ud800"]""", "failed to parse '[\"\\ud800\"]' as JSON for annotation \"cni.projectcalico.org/ipv6pools\"")]
    [TestCase("hwAddr", "01:00:00:00:00:01", "failed to parse MAC address \"01:00:00:00:00:01\"")]
    [TestCase("allowedSourcePrefixes", """["x"]""", "failed to parse 'x' as a CIDR")]
    [TestCase("ipFamilies", """["IPv5"]""", "error parsing ipFamilies: [\"IPv5\"]")]
    [TestCase("ipFamilies", """["IPv4","x"]""", "error parsing ipFamilies: [\"IPv4\",\"x\"]")]
    [TestCase("ipFamilies", "IPv4", "error parsing ipFamilies: IPv4")]
    public void A_wrong_annotation_is_said_in_upstreams_words(string name, string value, string message) =>
        Assert.That(Refusal(Allowing, (name, value)), Is.EqualTo((CniCode.InvalidConfiguration, message, "")));

    [Test]
    public void What_the_configuration_does_not_allow_is_refused()
    {
        const string Foreign = """{"name":"n","policy":{"type":"k8s"},"ipam":{"type":"host-local"}}""";
        Assert.That(Refusal(Foreign, ("ipAddrs", """["10.0.0.1"]""")),
            Is.EqualTo((7, "ipAddrs is not compatible with configured IPAM: host-local", "")));
        Assert.That(() => Read(Foreign, ("hwAddr", "02:00:00:00:00:07")), Throws.Nothing);
        Assert.That(Refusal(Foreign, ("ipAddrsNoIpam", """["10.0.0.1"]""")),
            Is.EqualTo((7, "requested feature is not enabled: ip_addrs_no_ipam", "")));
        Assert.That(Refusal(Allowing.Replace("\"type\":\"k8s\"", "\"type\":\"\"", StringComparison.Ordinal),
            ("ipAddrsNoIpam", """["10.0.0.1"]""")).Code, Is.EqualTo(7));
        Assert.That(Refusal(Allowing, ("ipAddrs", """["10.0.0.1"]"""), ("ipAddrsNoIpam", """["10.0.0.2"]""")),
            Is.EqualTo((7, "can't have both annotations: 'ipAddrs' and 'ipAddrsNoIpam' in use at the same time", "")));
        Assert.That(Refusal(Foreign, ("floatingIPs", "x")), Is.EqualTo((7, "requested feature is not enabled: floating_ips", "")));
        Assert.That(Refusal(Allowing, ("floatingIPs", "x")),
            Is.EqualTo((2, "annotation cni.projectcalico.org/floatingIPs is not supported", "cni.projectcalico.org/floatingIPs")));
    }

    [TestCase("k8s", "K8S_POD_NAME=web;K8S_POD_NAMESPACE=ns", true)]
    [TestCase("k8s", "K8S_POD_NAME=web", false)]
    [TestCase("", "K8S_POD_NAME=web;K8S_POD_NAMESPACE=ns", false)]
    public void Annotations_count_for_pods_of_Kubernetes_alone(string policy, string args, bool count)
    {
        var call = CniCall.From(new(ShimRole.Network, false, CniHarness.Variables("ADD", "c1", "eth0", "/run/netns/n1", args), default));
        var asked = AnnotationRequest.Of(call,
            Parse("""{"name":"n","policy":{"type":"%"},"runtimeConfig":{"io.kubernetes.cri.pod-annotations":{"cni.projectcalico.org/hwAddr":"02:00:00:00:00:07"}}}"""
            .Replace("%", policy, StringComparison.Ordinal)));
        Assert.That(asked.Mac is not null, Is.EqualTo(count));
    }
}
