using System.Collections.Immutable;
using System.Net;
using System.Text;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

public sealed class CniProtocolTests
{
    private static readonly CniResult Dual = new()
    {
        Interfaces = [new("cali1", "ee:ee:ee:ee:ee:ee", "", 1400), new("eth0", "02:00:00:00:00:01", "/run/netns/n1", 1400)],
        Addresses =
        [
            new(new(IPAddress.Parse("10.65.0.5"), 32), null, 1),
            new(new(IPAddress.Parse("fd80::5"), 128), null, 1),
        ],
        Routes = [new(IPNetwork.Parse("0.0.0.0/0"), IPAddress.Parse("169.254.1.1")),
            new(IPNetwork.Parse("::/0"), IPAddress.Parse("fe80::1"))],
    };

    [TestCase("0.2.0", """{"cniVersion":"0.2.0","ip4":{"ip":"10.65.0.5/32","routes":[{"dst":"0.0.0.0/0","gw":"169.254.1.1"}]},"ip6":{"ip":"fd80::5/128","routes":[{"dst":"::/0","gw":"fe80::1"}]},"dns":{}}""")]
    [TestCase("0.4.0", """{"cniVersion":"0.4.0","interfaces":[{"name":"cali1","mac":"ee:ee:ee:ee:ee:ee"},{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/run/netns/n1"}],"ips":[{"version":"4","interface":1,"address":"10.65.0.5/32"},{"version":"6","interface":1,"address":"fd80::5/128"}],"routes":[{"dst":"0.0.0.0/0","gw":"169.254.1.1"},{"dst":"::/0","gw":"fe80::1"}],"dns":{}}""")]
    [TestCase("1.1.0", """{"cniVersion":"1.1.0","interfaces":[{"name":"cali1","mac":"ee:ee:ee:ee:ee:ee","mtu":1400},{"name":"eth0","mac":"02:00:00:00:00:01","mtu":1400,"sandbox":"/run/netns/n1"}],"ips":[{"interface":1,"address":"10.65.0.5/32"},{"interface":1,"address":"fd80::5/128"}],"routes":[{"dst":"0.0.0.0/0","gw":"169.254.1.1"},{"dst":"::/0","gw":"fe80::1"}],"dns":{}}""")]
    public void A_result_has_the_shape_of_its_version(string version, string expected)
    {
        Assert.That(CniVersion.TryParse(version, out var parsed), Is.True);
        Assert.That(Encoding.UTF8.GetString(CniResultWriter.Write(Dual, parsed)).TrimEnd(), Is.EqualTo(expected));
    }

    [Test]
    public void What_is_written_in_any_version_is_read_back()
    {
        foreach (var text in CniVersion.Supported)
        {
            Assert.That(CniVersion.TryParse(text, out var version), Is.True);
            var read = CniResultReader.Read(CniResultWriter.Write(Dual, version), "test");
            Assert.That(read.Addresses.Select(a => a.Address), Is.EqualTo(Dual.Addresses.Select(a => a.Address)), text);
            Assert.That(read.Routes, Is.EqualTo(Dual.Routes), text);
        }
    }

    [Test]
    public void Runtime_configuration_is_read_without_case()
    {
        var configuration = Parse("""{"name":"n","runtimeConfig":{"IPs":["10.65.0.9/26"],"Mac":"02:00:00:00:00:07"}}""");

        Assert.That(configuration.RequestedAddresses, Is.EqualTo(new[] { IPAddress.Parse("10.65.0.9") }));
        Assert.That(configuration.RequestedMac!.ToString(), Is.EqualTo("020000000007"));
    }

    [Test]
    public void Mesos_addresses_and_labels_are_taken()
    {
        var configuration = Parse(
            """{"name":"n","args":{"org.apache.mesos":{"network_info":{"name":"n","labels":{"labels":[{"key":"projectcalico.org/namespace","value":"kube-system"},{"key":"app","value":"web"}]},"ip_addresses":[{"protocol":"IPv4","ip_address":"10.65.0.8"}]}}}}""");

        Assert.That(configuration.Faults, Is.Empty);
        Assert.That(configuration.RequestedAddresses, Is.EqualTo(new[] { IPAddress.Parse("10.65.0.8") }));
        Assert.That(configuration.Labels.Keys, Is.EqualTo(new[] { "app", "projectcalico.org.namespace" }));
    }

    [TestCase("""{"cni.projectcalico.org/ipAddrs":"[\"10.0.0.1\"]","cni.projectcalico.org/ipAddrsNoIpam":"[\"10.0.0.2\"]"}""",
        "can't have both annotations")]
    [TestCase("""{"cni.projectcalico.org/ipAddrs":"[\"10.0.0.1\",\"10.0.0.2\"]"}""",
        "cannot have two IPv4 addresses for 'cni.projectcalico.org/ipAddrs' annotation")]
    [TestCase("""{"cni.projectcalico.org/ipAddrs":"[]"}""", "specified but empty")]
    [TestCase("""{"cni.projectcalico.org/ipAddrs":"10.0.0.1"}""", "failed to parse")]
    [TestCase("""{"cni.projectcalico.org/ipAddrsNoIpam":"[\"10.0.0.2\"]"}""", "ip_addrs_no_ipam")]
    [TestCase("""{"cni.projectcalico.org/floatingIPs":"[\"10.0.0.2\"]"}""", "floating_ips")]
    [TestCase("""{"cni.projectcalico.org/ipFamilies":"[]"}""", "error parsing ipFamilies")]
    public void A_wrong_annotation_is_refused(string annotations, string message)
    {
        var configuration = Parse(
            $$$"""{"name":"n","policy":{"type":"k8s"},"runtimeConfig":{"io.kubernetes.cri.pod-annotations":{{{annotations}}}}}""");
        var error = Assert.Throws<CniException>(() =>
            AnnotationRequest.Read(configuration.PodAnnotations, ImmutableDictionary<string, string>.Empty, configuration));
        Assert.That(error!.Message, Does.Contain(message));
    }

    [Test]
    public void A_pods_annotation_beats_its_namespaces()
    {
        var pod = new Dictionary<string, string> { ["cni.projectcalico.org/ipv4pools"] = "[\"a\"]" };
        var podNamespace = new Dictionary<string, string> { ["cni.projectcalico.org/ipv4pools"] = "[\"b\"]",
            ["cni.projectcalico.org/ipv6pools"] = "[\"c\"]" };
        var asked = AnnotationRequest.Read(pod, podNamespace, Parse("""{"name":"n"}"""));

        Assert.That(asked.Ipv4Pools, Is.EqualTo(new[] { "a" }));
        Assert.That(asked.Ipv6Pools, Is.EqualTo(new[] { "c" }));
    }

    [TestCase("10.0.0.1/24", "10.0.0.1/24")]
    [TestCase("10.0.0.1", "10.0.0.1/32")]
    [TestCase("fd00::1/64", "fd00::1/64")]
    [TestCase("10.0.0.1/33", null)]
    [TestCase("10.0.1/24", null)]
    [TestCase("012.0.0.1/24", null)]
    [TestCase("0x0a.0.0.1", null)]
    [TestCase("fe80::1%eth0", null)]
    [TestCase("[fd00::1]/64", null)]
    [TestCase("1", null)]
    [TestCase("", null)]
    [TestCase("10.0.0.1/-1", null)]
    public void An_address_is_read_as_people_write_it(string text, string? expected) =>
        Assert.That(InterfaceAddress.TryParse(text, out var address) ? address.ToString() : null, Is.EqualTo(expected));

    [Test, Category("fuzz")]
    public void No_input_breaks_the_configurations_reader() => Gen.OneOf(Gen.Byte.Array[0, 200], Mutated()).Sample(bytes =>
    {
        try
        {
            var configuration = NetworkConfiguration.Parse(bytes);
            configuration.Validate();
        }
        catch (CniException e)
            when (e.Code is CniCode.Undecodable or CniCode.InvalidConfiguration or CniCode.IncompatibleVersion or CniCode.UnsupportedField)
        {
            Assert.That(e.Message, Is.Not.Empty);
        }
    });

    [Test, Category("fuzz")]
    public void No_input_breaks_the_wires_reader() => Gen.Byte.Array[0, 200].Sample(bytes =>
    {
        foreach (var read in (Action[])[() => ShimRequest.Read(bytes), () => DelegateRequest.Read(bytes), () => DelegateOutcome.Read(bytes),
            () => ShimReply.Read(bytes)])
        {
            try
            {
                read();
            }
            catch (WireFormatException e)
            {
                Assert.That(e.Message, Is.Not.Empty);
            }
        }
    });

    [Test, Category("fuzz")]
    public void A_request_survives_the_wire() => Gen.Select(Gen.String.Array[0, 10], Gen.Byte.Array[0, 500]).Sample((texts, input) =>
    {
        var environment = texts.Select(t => KeyValuePair.Create("CNI_" + t.Replace('\ud800', 'x'), t)).ToArray();
        var frame = new ShimRequest(ShimRole.Ipam, true, environment, input).ToFrame();
        var (kind, length) = Frame.ReadHeader(frame.Span);
        var read = ShimRequest.Read(frame[Frame.HeaderLength..]);

        Assert.That((kind, length), Is.EqualTo((FrameKind.Request, frame.Length - Frame.HeaderLength)));
        Assert.That((read.Role, read.HasNamespace, read.Environment.Count), Is.EqualTo((ShimRole.Ipam, true, environment.Length)));
        Assert.That(read.Input.ToArray(), Is.EqualTo(input));
    });

    [Test]
    public void A_frame_that_is_too_long_is_refused_before_it_is_read()
    {
        byte[] header = [0xff, 0xff, 0xff, 0x7f, 1];
        Assert.Throws<WireFormatException>(() => Frame.ReadHeader(header));
    }

    private static Gen<byte[]> Mutated()
    {
        var valid = Encoding.UTF8
            .GetBytes("""{"cniVersion":"1.0.0","name":"n","mtu":1400,"ipam":{"type":"calico-ipam","ipv4_pools":["a"],"routes":[{"dst":"0.0.0.0/0"}]},"prevResult":{"ips":[{"address":"10.0.0.1/24","interface":0}],"interfaces":[{"name":"x"}]},"args":{"cni":{"ips":["10.0.0.9"]}},"cni.dev/valid-attachments":[{"containerID":"a","ifname":"b"}]}""");
        return Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Byte, Gen.Int[0, valid.Length - 1], Gen.Byte)
            .Select((at1, value1, at2, value2) =>
        {
            var changed = valid.ToArray();
            (changed[at1], changed[at2]) = (value1, value2);
            return changed;
        });
    }

    private static NetworkConfiguration Parse(string text) => NetworkConfiguration.Parse(Encoding.UTF8.GetBytes(text));
}
