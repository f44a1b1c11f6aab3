using System.Net;
using System.Net.Sockets;
using System.Text;
using Calico.Plugins.Cni.Protocol;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>Each field of a network configuration: what it means, and what is said when it is wrong.</summary>
public sealed class NetworkConfigurationTests
{
    private const string Whole = """
        {"cniVersion":"1.0.0","name":"net1","type":"calico","mtu":1400,"require_mtu_file":true,"nodename":"n1","hostname":"h1","policy":{"type":"k8s"},
        "container_settings":{"allow_ip_forwarding":true},"include_default_routes":true,"feature_control":{"ip_addrs_no_ipam":true,"floating_ips":true},
        "device_type":"netkit","dataplane_options":{"type":"linux"},"readiness_gates":["a"],"dns":{"nameservers":["10.0.0.1"]},
        "ipam":{"type":"calico-ipam","assign_ipv4":"false","assign_ipv6":"true","ipv4_pools":["10.65.0.0/16","blue"],"ipv6_pools":["fd80::/64"],
        "routes":[{"dst":"10.9.1.7/16","gw":"10.65.0.1"}],"subnet":"usePodCidr"},
        "runtimeConfig":{"ips":["10.65.0.9/26","fd80::9"],"mac":"02:00:00:00:00:07","io.kubernetes.cri.pod-annotations":{"a":"1","b":"2"},
        "portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"TCP"},{"hostPort":53,"containerPort":5353,"protocol":"udp"},
        {"hostPort":7,"containerPort":7,"protocol":"sctp"},{"hostPort":1,"containerPort":65535},{"hostPort":9,"containerPort":9,"protocol":""},
        {"hostPort":0,"containerPort":80},{"containerPort":80},{"hostPort":80}]},
        "cni.dev/attachments":[{"containerID":"old","ifname":"eth9"}],"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}],
        "prevResult":{"ips":[{"address":"10.0.0.1/24","interface":0}],"interfaces":[{"name":"x","mac":"m","sandbox":"s","mtu":9}],"dns":{"domain":"d"}}}
        """;

    private static NetworkConfiguration Parse(string text) => NetworkConfiguration.Parse(Encoding.UTF8.GetBytes(text));

    [Test]
    public void Every_field_is_read()
    {
        var all = Parse(Whole);
        Assert.That(all.Faults, Is.Empty);
        Assert.That(all.Validate, Throws.Nothing);
        Assert.That((all.Version.ToString(), all.Name, all.Type, all.Mtu, all.RequiresMtuFile, all.NodeName),
            Is.EqualTo(("1.0.0", "net1", "calico", 1400, true, "n1")));
        Assert.That((all.PolicyType, all.IsKubernetesPolicy, all.AllowsForwarding, all.IncludesDefaultRoutes),
            Is.EqualTo(("k8s", true, true, true)));
        Assert.That((all.AllowsAddressesWithoutIpam, all.AllowsFloatingIps, all.HasReadinessGates), Is.EqualTo((true, true, true)));
        Assert.That((all.DeviceType, all.DataplaneType, all.Dns), Is.EqualTo(("netkit", "linux", """{"nameservers":["10.0.0.1"]}""")));
        Assert.That(all.RequestedAddresses, Is.EqualTo(new[] { IPAddress.Parse("10.65.0.9"), IPAddress.Parse("fd80::9") }));
        Assert.That(all.RequestedMac!.ToString(), Is.EqualTo("020000000007"));
        Assert.That(all.PodAnnotations, Is.EquivalentTo(new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" }));
        Assert.That(all.ValidAttachments, Is.EqualTo(new[] { ("c1", "eth0") }), "the name that the specification has now");
        Assert.That(all.PublishedPorts.Select(p => (p.Protocol, p.HostIp, p.HostPort, p.HostPortEnd, p.ContainerPort)), Is.EqualTo(new[]
        {
            (ProtocolType.Tcp, (IPAddress?)null, 8080, 8080, 80), (ProtocolType.Udp, null, 53, 53, 5353),
                ((ProtocolType)132, null, 7, 7, 7),
            (ProtocolType.Tcp, null, 1, 1, 65535), (ProtocolType.Tcp, null, 9, 9, 9),
        }));
        Assert.That(all.PreviousResult!.Addresses.Single(), Is.EqualTo(new CniAddress(new(IPAddress.Parse("10.0.0.1"), 24), null, 0)));
        Assert.That(all.PreviousResult.Interfaces.Single(), Is.EqualTo(new CniInterface("x", "m", "s", 9)));
        Assert.That(all.PreviousResult.Dns, Is.EqualTo("""{"domain":"d"}"""));

        var ipam = all.Ipam;
        Assert.That((ipam.Type, ipam.IsDelegated, ipam.AssignIpv4, ipam.AssignIpv6, ipam.UsesPodCidr),
            Is.EqualTo(("calico-ipam", false, false, true, false)));
        Assert.That(ipam.Ipv4Pools.Concat(ipam.Ipv6Pools), Is.EqualTo(new[] { "10.65.0.0/16", "blue", "fd80::/64" }));
        Assert.That(ipam.Routes.Single(), Is.EqualTo(new CniRoute(IPNetwork.Parse("10.9.0.0/16"), IPAddress.Parse("10.65.0.1"))));
    }

    [Test]
    public void What_is_not_given_has_its_usual_value()
    {
        var none = Parse("{}");
        Assert.That((none.Version, none.Name, none.Type, none.Mtu, none.RequiresMtuFile, none.NodeName),
            Is.EqualTo((CniVersion.Unstated, "", "", 0, false, "")));
        Assert.That((none.PolicyType, none.IsKubernetesPolicy, none.DeviceType, none.DataplaneType, none.Dns),
            Is.EqualTo(("", false, "", "", "")));
        Assert.That((none.HasReadinessGates, none.RequestedMac, none.PreviousResult, none.ValidAttachments),
            Is.EqualTo((false, (System.Net.NetworkInformation.PhysicalAddress?)null, (CniResult?)null, (object?)null)));
        Assert.That((none.RequestedAddresses.Length, none.PublishedPorts.Length, none.PodAnnotations.Count, none.Labels.Count),
            Is.EqualTo((0, 0, 0, 0)));
        Assert.That((none.Ipam.Type, none.Ipam.IsDelegated, none.Ipam.AssignIpv4, none.Ipam.AssignIpv6),
            Is.EqualTo(("", false, true, false)));
        var unnamed = Assert.Throws<CniException>(none.Validate)!;
        Assert.That((unnamed.Code, unnamed.Message, unnamed.Details),
            Is.EqualTo((CniCode.InvalidConfiguration, "invalid network configuration: name: must be given", "name")));

        var empty = Parse("""{"name":"n","ipam":{},"hostname":"h1","nodename":"","cni.dev/attachments":[],"readiness_gates":[],"mtu":0,"ipam":null}""");
        Assert.That((empty.NodeName, empty.HasReadinessGates, empty.ValidAttachments!.Value.Length, empty.Ipam.AssignIpv4),
            Is.EqualTo(("h1", false, 0, true)));
        Assert.That(empty.Faults, Is.Empty);
        Assert.That(Parse("""{"ipam":{}}""").Ipam, Is.EqualTo(new IpamConfiguration())
            .Using<IpamConfiguration>((a, b) => a.Type == b.Type && a.AssignIpv4 == b.AssignIpv4));
    }

    [TestCase("\"cniVersion\":7", "cniVersion: must be a text")]
    [TestCase("\"name\":\"-n\"", "name: may hold letters, digits, '_', '.' and '-' only, first a letter or digit")]
    [TestCase("\"name\":\"a b\"", "name: may hold letters, digits, '_', '.' and '-' only, first a letter or digit")]
    [TestCase("\"mtu\":67", "mtu: must be a number from 68 to 65535")]
    [TestCase("\"mtu\":65536", "mtu: must be a number from 68 to 65535")]
    [TestCase("\"mtu\":\"1400\"", "mtu: must be a number from 68 to 65535")]
    [TestCase("\"mtu\":1.5", "mtu: must be a number from 68 to 65535")]
    [TestCase("\"require_mtu_file\":1", "require_mtu_file: must be true or false")]
    [TestCase("\"include_default_routes\":\"maybe\"", "include_default_routes: must be true or false")]
    [TestCase("\"policy\":[]", "policy: must be an object")]
    [TestCase("\"policy\":{\"type\":\"k9s\"}", "policy.type: unsupported value \"k9s\"; supported: k8s")]
    [TestCase("\"device_type\":\"tun\"", "device_type: unsupported value \"tun\"; supported: veth, netkit")]
    [TestCase("\"dataplane_options\":{\"type\":\"ebpf\"}", "dataplane_options.type: unsupported value \"ebpf\"; supported: linux, grpc")]
    [TestCase("\"readiness_gates\":\"a\"", "readiness_gates: must be a list of texts")]
    [TestCase("\"readiness_gates\":[\"a\",1]", "readiness_gates: must be a list of texts")]
    [TestCase("\"ipam\":{\"type\":\"./x\"}", "ipam.type: must be the name of a plugin, not a path")]
    [TestCase("\"ipam\":{\"ipv4_pools\":[\"\"]}", "ipam.ipv4_pools[0]: must not be empty")]
    [TestCase("\"ipam\":{\"ipv4_pools\":[\"a\",\"fd80::/64\"]}", "ipam.ipv4_pools[1]: \"fd80::/64\" is not an IPv4 CIDR")]
    [TestCase("\"ipam\":{\"ipv4_pools\":[\"10.0.0.0/33\"]}", "ipam.ipv4_pools[0]: \"10.0.0.0/33\" is not an IPv4 CIDR")]
    [TestCase("\"ipam\":{\"ipv6_pools\":[\"10.65.0.0/16\"]}", "ipam.ipv6_pools[0]: \"10.65.0.0/16\" is not an IPv6 CIDR")]
    [TestCase("\"ipam\":{\"routes\":[{\"dst\":\"x\"}]}", "ipam.routes[0].dst: \"x\" is not a CIDR")]
    [TestCase("\"ipam\":{\"routes\":[{\"dst\":\"10.0.0.0/8\"},{\"dst\":\"10.0.0.0/8\",\"gw\":\"y\"}]}",
        "ipam.routes[1].gw: \"y\" is not an address")]
    [TestCase("\"ipam\":{\"routes\":{}}", "ipam.routes: must be a list")]
    [TestCase("\"ipam\":{\"routes\":[{\"dst\":\"10.0.0.0/8\"},7]}", "ipam.routes[1]: must be an object")]
    [TestCase("\"runtimeConfig\":{\"ips\":[\"10.0.0.1\",\"z\"]}", "runtimeConfig.ips: \"z\" is not an address")]
    [TestCase("\"args\":{\"cni\":{\"ips\":[\"z\"]}}", "args.cni.ips: \"z\" is not an address")]
    [TestCase("\"args\":{\"org.apache.mesos\":{\"network_info\":{\"ip_addresses\":[{\"ip_address\":\"z\"}]}}}",
        "args.org.apache.mesos.network_info.ip_addresses[0].ip_address: \"z\" is not an address")]
    [TestCase("\"runtimeConfig\":{\"mac\":\"01:00:00:00:00:01\"}", "runtimeConfig.mac: \"01:00:00:00:00:01\" is not a unicast MAC address")]
    [TestCase("\"runtimeConfig\":{\"io.kubernetes.cri.pod-annotations\":{\"a\":\"b\",\"c\":1}}",
        "runtimeConfig.io.kubernetes.cri.pod-annotations: must be an object of texts")]
    [TestCase("\"runtimeConfig\":{\"io.kubernetes.cri.pod-annotations\":[\"a\"]}",
        "runtimeConfig.io.kubernetes.cri.pod-annotations: must be an object of texts")]
    [TestCase("\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":65536,\"containerPort\":80}]}",
        "runtimeConfig.portMappings[0].hostPort: must be a number from 1 to 65535")]
    [TestCase("\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1,\"containerPort\":-1}]}",
        "runtimeConfig.portMappings[0].containerPort: must be a number from 1 to 65535")]
    [TestCase("\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":1,\"containerPort\":1,\"protocol\":\"icmp\"}]}",
        "runtimeConfig.portMappings[0].protocol: must be tcp, udp or sctp")]
    [TestCase("\"prevResult\":{\"ips\":[{\"address\":\"x\"}]}", "prevResult.ips[0].address: \"x\" is not an address with a prefix length")]
    [TestCase("\"prevResult\":{\"ips\":[{\"address\":\"10.0.0.1/8\",\"gateway\":\"y\"}]}",
        "prevResult.ips[0].gateway: \"y\" is not an address")]
    [TestCase("\"prevResult\":{\"ips\":[{\"address\":\"10.0.0.1/8\",\"interface\":1025}]}",
        "prevResult.ips[0].interface: must be a number from 0 to 1024")]
    [TestCase("\"prevResult\":{\"interfaces\":[{\"name\":\"a\",\"mtu\":65537}]}",
        "prevResult.interfaces[0].mtu: must be a number from 0 to 65536")]
    public void A_wrong_field_is_named_with_its_path_and_what_it_may_be(string field, string fault)
    {
        if (field.StartsWith("\"name\"", StringComparison.Ordinal))
        {
            field += ",\"type\":\"calico\"";
        }
        else
        {
            field = "\"name\":\"net1\"," + field;
        }

        var wrong = Parse("{" + field + ",\"hostname\":7}");
        Assert.That(wrong.Faults, Does.Contain(fault));
        var refusal = Assert.Throws<CniException>(wrong.Validate)!;
        Assert.That((refusal.Code, refusal.Message),
            Is.EqualTo((CniCode.InvalidConfiguration, $"invalid network configuration: {wrong.Faults[0]}")));
        Assert.That(refusal.Details, Is.EqualTo(string.Join("; ", wrong.Faults)));
        Assert.That(refusal.Details, Does.Contain("; ").And.Contain("hostname: must be a text"), "all of it is said");
    }

    [TestCase(255, 0)]
    [TestCase(256, 1)]
    public void A_name_is_as_long_as_a_files_at_most(int length, int faults)
    {
        var named = Parse($$"""{"name":"{{new string('a', length)}}"}""");
        Assert.That(named.Faults, Has.Length.EqualTo(faults).And.All.EqualTo("name: is longer than 255 characters"));
    }

    [TestCase("my_net.a-1")]
    [TestCase("9")]
    public void A_name_may_hold_what_a_files_may(string name) =>
        Assert.That((Parse($$"""{"name":"{{name}}"}""").Name, Parse($$"""{"name":"{{name}}"}""").Faults.Length), Is.EqualTo((name, 0)));

    [TestCase("\"mtu\":68", 68)]
    [TestCase("\"mtu\":65535", 65535)]
    public void The_bounds_of_a_number_belong_to_it(string field, int mtu) =>
        Assert.That((Parse("{" + field + "}").Mtu, Parse("{" + field + "}").Faults.Length), Is.EqualTo((mtu, 0)));

    [Test]
    public void Addresses_are_those_of_the_first_place_that_has_any()
    {
        const string Mesos = "\"org.apache.mesos\":{\"network_info\":{\"ip_addresses\":[{\"ip_address\":\"\"},{\"ip_address\":\"10.0.0.3\"}]}}";
        Assert.That(Asked("""{"runtimeConfig":{"ips":["10.0.0.1"]},"args":{"cni":{"ips":["10.0.0.2"]},""" + Mesos + "}}"),
            Is.EqualTo("10.0.0.1"));
        Assert.That(Asked("""{"runtimeConfig":{"ips":[]},"args":{"cni":{"ips":["10.0.0.2"]},""" + Mesos + "}}"), Is.EqualTo("10.0.0.2"));
        Assert.That(Asked("""{"args":{""" + Mesos + "}}"), Is.EqualTo("10.0.0.3"));

        static string Asked(string text) => string.Join(' ', Parse(text).RequestedAddresses);
    }

    [TestCase("""{"mac":""},"args":{"cni":{"mac":"02-00-00-00-00-08"}}""", "020000000008", 0)]
    [TestCase("""{"mac":"x"},"args":{"cni":{"mac":"02:00:00:00:00:08"}}""", "020000000008", 1)]
    [TestCase("""{}""", null, 0)]
    public void A_MAC_is_that_of_the_first_place_that_has_one(string runtime, string? mac, int faults)
    {
        var parsed = Parse("{\"runtimeConfig\":" + runtime + "}");
        Assert.That((parsed.RequestedMac?.ToString(), parsed.Faults.Length), Is.EqualTo((mac, faults)));
    }

    [TestCase("\"subnet\":\"usePodCidr\"", true)]
    [TestCase("\"ranges\":[[{\"subnet\":\"UsePodCIDR\"}]]", true)]
    [TestCase("\"subnet\":\"10.0.0.0/8\"", false)]
    public void A_delegates_object_is_its_own_but_for_its_name_and_usePodCidr(string more, bool uses)
    {
        var ipam = Parse("""{"name":"n","ipam":{"type":"host-local","ipv4_pools":7,"ipv6_pools":7,"assign_ipv6":7,"assign_ipv4":"false","routes":7,""" + more + "}}");
        Assert.That(ipam.Faults, Is.Empty);
        Assert.That((ipam.Ipam.IsDelegated, ipam.Ipam.UsesPodCidr, ipam.Ipam.AssignIpv4, ipam.Ipam.AssignIpv6, ipam.Ipam.Routes.Length,
            ipam.Ipam.Ipv4Pools.Length, ipam.Ipam.Ipv6Pools.Length),
            Is.EqualTo((true, uses, true, false, 0, 0, 0)));
    }

    [TestCase("""{"name":"n","feature_control":{"ip_addrs_no_ipam":true}}""", CniCode.InvalidConfiguration,
        "invalid network configuration: feature_control.ip_addrs_no_ipam: needs policy.type k8s, whose pods ask for it",
        "feature_control.ip_addrs_no_ipam")]
    [TestCase("""{"name":"n","dataplane_options":{"type":"grpc"}}""", CniCode.UnsupportedField,
        "dataplane_options.type: grpc is not supported", "dataplane_options.type")]
    public void What_can_be_read_and_not_be_done_is_refused(string text, int code, string message, string details)
    {
        var refusal = Assert.Throws<CniException>(Parse(text).Validate)!;
        Assert.That((refusal.Code, refusal.Message, refusal.Details), Is.EqualTo((code, message, details)));
    }

    [TestCase("[]", CniCode.Undecodable, "the network configuration is not a JSON object")]
    [TestCase("{", CniCode.Undecodable, "the network configuration is not JSON")]
    [TestCase("""{"name":"\ud800"}""", CniCode.Undecodable, "the network configuration is not JSON")]
    [TestCase("""{"cniVersion":"0.9.0"}""", CniCode.IncompatibleVersion, "unsupported CNI version 0.9.0")]
    public void What_is_no_configuration_is_refused_and_goes_for_a_DEL(string text, int code, string message)
    {
        var refusal = Assert.Throws<CniException>(() => Parse(text))!;
        Assert.That((refusal.Code, refusal.Message), Is.EqualTo((code, message)));
        if (code == CniCode.IncompatibleVersion)
        {
            Assert.That(refusal.Details, Is.EqualTo("supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"));
        }

        Assert.That(NetworkConfiguration.ParseForDelete(Encoding.UTF8.GetBytes(text)).Name, Is.Empty);
        Assert.That(NetworkConfiguration.ParseForDelete("""{"name":"net1"}"""u8.ToArray()).Name, Is.EqualTo("net1"));
    }

    [TestCase("""{"cniVersion":"0.4.0"}""", "0.4.0")]
    [TestCase("""{"cniVersion":"9.9.9"}""", "9.9.9")]
    [TestCase("""{"cniVersion":""}""", "0.2.0")]
    [TestCase("""{"cniVersion":"12345678901234567890123456789012"}""", "12345678901234567890123456789012")]
    [TestCase("""{"cniVersion":"123456789012345678901234567890123"}""", "0.2.0")]
    [TestCase("""{"cniVersion":"\ud800"}""", "0.2.0")]
    [TestCase("{", "0.2.0")]
    [TestCase("[]", "0.2.0")]
    public void An_answer_names_the_version_that_was_asked_for(string text, string version) =>
        Assert.That(NetworkConfiguration.VersionIn(Encoding.UTF8.GetBytes(text)), Is.EqualTo(version));

    [TestCase("app", "app")]
    [TestCase("projectcalico.org/namespace", "projectcalico.org.namespace")]
    [TestCase("a b#c", "a-b-c")]
    [TestCase("a_B-9.c", "a_B-9.c")]
    [TestCase("a-.-/b", "a.b")]
    [TestCase("a--b", "a--b")]
    [TestCase("a./.b..", "a.b")]
    [TestCase("--a-./", "a")]
    [TestCase("a-", "a")]
    [TestCase("///", "")]
    [TestCase("", "")]
    public void A_label_of_Mesos_is_what_Kubernetes_would_take(string text, string label)
    {
        Assert.That(MesosLabelText.Sanitise(text), Is.EqualTo(label));
        var labels = Parse("""{"args":{"org.apache.mesos":{"network_info":{"labels":{"labels":[{"key":"%","value":"v/%"},{"key":"k"}]}}}}}""".Replace("%", text, StringComparison.Ordinal)).Labels;
        Assert.That(labels.Where(l => l.Key != "k").Select(l => (l.Key, l.Value)),
            Is.EqualTo(label.Length == 0 ? [] : new[] { (label, MesosLabelText.Sanitise("v/" + text)) }));
        Assert.That(labels["k"], Is.Empty);
    }
}
