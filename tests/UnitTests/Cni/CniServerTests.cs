using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;
using static Calico.UnitTests.Cni.CniAnswer;

namespace Calico.UnitTests.Cni;

[UnsupportedOSPlatform("windows")]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
public sealed class CniServerTests
{
    private const string Ours = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";
    private const string Other = """{"cniVersion":"1.0.0","name":"net2","type":"calico","ipam":{"type":"calico-ipam"}}""";
    private const string HostLocal =
        """{"cniVersion":"0.4.0","name":"net1","type":"calico","ipam":{"type":"host-local","subnet":"10.88.1.0/24","routes":[{"dst":"0.0.0.0/0"}]}}""";
    private const string HostLocalAnswer =
        """{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.88.1.2/24","gateway":"10.88.1.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}}""";
    private const string Pod = "IgnoreUnknown=1;K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=x";

    private CniHarness _cni = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _cni = new CniHarness();
        await _cni.StartAsync();
    }

    [TearDown]
    public async Task StopAsync() => await _cni.DisposeAsync();

    [Test]
    public async Task Add_answers_in_the_shape_of_its_version()
    {
        var reply = await _cni.CallAsync("ADD", Ours);

        Assert.That(reply.ExitCode, Is.Zero, Text(reply));
        var link = _cni.Node.Endpoints.Single().Attachment.HostInterface;
        var mac = MacAddress.Format(_cni.Node.Endpoints.Single().Attachment.Mac);
        Assert.That(Text(reply), Is.EqualTo(
            $$"""{"cniVersion":"1.0.0","interfaces":[{"name":"{{link}}","mac":"ee:ee:ee:ee:ee:ee"},{"name":"eth0","mac":"{{mac}}","sandbox":"/run/netns/n1"}]"""
            + ""","ips":[{"interface":1,"address":"10.65.0.0/32"}],"routes":[{"dst":"0.0.0.0/0","gw":"169.254.1.1"}],"dns":{}}""" + "\n"));
    }

    [Test]
    public async Task A_descriptor_is_adopted_instead_of_the_path()
    {
        var reply = await _cni.CallAsync(ShimRole.Network, CniHarness.Variables("ADD", "c1", "eth0", "/run/netns/n1", ""), Ours,
            withDescriptor: true);

        Assert.That(reply.ExitCode, Is.Zero, Text(reply));
        Assert.That(_cni.Node.Faults.Passed, Does.Contain("namespaces.adopt").And.Not.Contain("namespaces.open"));
    }

    [Test]
    public async Task Add_records_upstreams_names()
    {
        await _cni.CallAsync("ADD", Ours);

        var endpoint = _cni.Node.Endpoints.Single();
        Assert.Multiple(() =>
        {
            Assert.That(endpoint.Spec.Id, Is.EqualTo(new WorkloadEndpointId("cni", "c1", "eth0")));
            Assert.That(endpoint.Spec.Instance, Is.EqualTo("c1"));
            Assert.That(endpoint.Spec.Network, Is.EqualTo("net1"));
            Assert.That(endpoint.Spec.Profiles, Is.EqualTo(new[] { "net1" }));
            Assert.That(endpoint.Spec.Claim!.Handle, Is.EqualTo("net1.c1"));
            Assert.That(endpoint.Spec.Claim.Attributes["node"], Is.EqualTo("node-1"));
            Assert.That(_cni.Node.MadeProfiles["net1"].LabelsToApply, Does.ContainKey("net1"));
            Assert.That(_cni.Node.MadeProfiles["net1"].OpenIngress, Is.False);
        });
    }

    [Test]
    public async Task A_pod_is_named_after_its_namespace_and_name()
    {
        await _cni.CallAsync("ADD",
            """{"cniVersion":"1.0.0","name":"k8s-net","type":"calico","policy":{"type":"k8s"},"ipam":{"type":"calico-ipam"}}""", args: Pod);

        var spec = _cni.Node.Endpoints.Single().Spec;
        Assert.Multiple(() =>
        {
            Assert.That(spec.Id, Is.EqualTo(new WorkloadEndpointId("k8s", "prod.web", "eth0")));
            Assert.That(spec.Namespace, Is.EqualTo("prod"));
            Assert.That(spec.Profiles, Is.EqualTo(new[] { "kns.prod" }));
            Assert.That(spec.Facts["pod"], Is.EqualTo("web"));
            Assert.That(spec.Claim!.Attributes["namespace"], Is.EqualTo("prod"));
            Assert.That(_cni.Node.MadeProfiles["kns.prod"].OpenIngress, Is.True);
        });
    }

    [Test]
    public async Task Podmans_pod_name_alone_is_no_pod()
    {
        await _cni.CallAsync("ADD", Ours, args: "IgnoreUnknown=1;K8S_POD_NAME=c1");

        Assert.That(_cni.Node.Endpoints.Single().Spec.Id.Orchestrator, Is.EqualTo("cni"));
    }

    [Test]
    public async Task Add_again_in_the_same_life_answers_the_same()
    {
        var first = await _cni.CallAsync("ADD", Ours);
        var second = await _cni.CallAsync("ADD", Ours);

        Assert.That(Text(second), Is.EqualTo(Text(first)));
        Assert.That(_cni.Node.Leases, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Add_under_a_second_networks_name_adds_its_profile()
    {
        await _cni.CallAsync("ADD", Ours);
        var second = await _cni.CallAsync("ADD", Ours.Replace("net1", "net2", StringComparison.Ordinal));

        Assert.That(second.ExitCode, Is.Zero, Text(second));
        Assert.That(_cni.Node.Endpoints.Single().Spec.Profiles, Is.EqualTo(new[] { "net1", "net2" }));
    }

    [Test]
    public async Task A_pods_new_sandbox_replaces_the_old_and_the_late_del_takes_nothing_of_it()
    {
        await _cni.CallAsync("ADD", Ours, containerId: "x", args: Pod);
        await _cni.CallAsync("ADD", Ours, containerId: "y", args: Pod);
        var late = await _cni.CallAsync("DEL", Ours, containerId: "x", netns: "", args: Pod);

        Assert.That(late.ExitCode, Is.Zero, Text(late));
        Assert.That(_cni.Node.Endpoints.Single().Spec.Instance, Is.EqualTo("y"));
        Assert.That(_cni.Node.Leases.Single().Handle, Is.EqualTo("net1.y"));
    }

    [Test]
    public async Task B8_a_pods_second_interface_is_refused_by_name_and_takes_nothing_from_the_first()
    {
        var first = await _cni.CallAsync("ADD", Ours, args: Pod);
        var second = await _cni.CallAsync("ADD", Other, interfaceName: "net1", args: Pod);

        Assert.That(second.ExitCode, Is.EqualTo(1), Text(second));
        Assert.That(Text(second),
            Does.Contain("prod.web has eth0").And.Contain("net1").And.Contain("CNI_IFNAME").And.Contain("\"code\":4"));
        // The runtime takes a failed interface away again, and asks after it.
        Assert.That((await _cni.CallAsync("DEL", Other, interfaceName: "net1", args: Pod)).ExitCode, Is.Zero);
        var endpoint = _cni.Node.Endpoints.Single();
        Assert.That(endpoint.Attachment.PeerInterface, Is.EqualTo("eth0"));
        Assert.That(Text(await _cni.CallAsync("ADD", Ours, args: Pod)), Is.EqualTo(Text(first)), "eth0 is as it was");
        Assert.That((await _cni.CallAsync("DEL", Ours, args: Pod)).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task B8_the_same_network_again_under_another_name_is_told_what_the_pod_has()
    {
        var first = await _cni.CallAsync("ADD", Ours, args: Pod);
        Assert.That(Text(await _cni.CallAsync("ADD", Ours, interfaceName: "net1", args: Pod)), Is.EqualTo(Text(first)));
        Assert.That(_cni.Node.Endpoints.Single().Attachment.PeerInterface, Is.EqualTo("eth0"));
        Assert.That((await _cni.CallAsync("DEL", Ours, interfaceName: "net1", args: Pod)).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints, Has.Exactly(1).Items, "eth0 is as it was");
    }

    [Test]
    public async Task B8_a_second_interface_of_a_delegated_network_takes_no_address_of_the_delegate()
    {
        _cni.Delegate = _ => new DelegateOutcome(0, Encoding.UTF8.GetBytes(HostLocalAnswer));
        await _cni.CallAsync("ADD", HostLocal, args: Pod);
        var second = await _cni.CallAsync("ADD", HostLocal.Replace("net1", "net2", StringComparison.Ordinal), interfaceName: "net1",
            args: Pod);
        Assert.That(second.ExitCode, Is.EqualTo(1), Text(second));
        Assert.That(_cni.DelegatesRun, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task B8_a_pods_new_sandbox_may_call_its_interface_by_another_name()
    {
        await _cni.CallAsync("ADD", Ours, containerId: "x", args: Pod);
        var second = await _cni.CallAsync("ADD", Ours, containerId: "y", interfaceName: "net1", args: Pod);
        Assert.That(second.ExitCode, Is.Zero, Text(second));
        Assert.That((await _cni.CallAsync("ADD", Other, containerId: "y", args: Pod)).ExitCode, Is.EqualTo(1), "and then has that one");
        Assert.That((await _cni.CallAsync("DEL", Ours, containerId: "y", interfaceName: "net1", args: Pod)).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    [TestCase("/run/netns/n1")]
    [TestCase("")]
    public async Task Del_succeeds_twice_and_for_what_never_was(string netns)
    {
        await _cni.CallAsync("ADD", Ours);
        foreach (var id in (string[])["c1", "c1", "never"])
        {
            var reply = await _cni.CallAsync("DEL", Ours, containerId: id, netns: netns);
            Assert.That(reply, Is.EqualTo(new ShimReply(0, reply.Output)).And.Property("Output").Property("Length").Zero, Text(reply));
        }

        Assert.That(_cni.Node.Endpoints, Is.Empty);
        Assert.That(_cni.Node.Leases, Is.Empty);
    }

    [Test]
    public async Task Del_does_not_need_a_readable_configuration()
    {
        await _cni.CallAsync("ADD", Ours);
        var reply = await _cni.CallAsync("DEL", "{\"cniVersion\":\"9.9.9\"");

        Assert.That(reply.ExitCode, Is.Zero, Text(reply));
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task Two_networks_of_one_namespace_share_a_group()
    {
        await _cni.CallAsync("ADD", Ours);
        await _cni.CallAsync("ADD", Ours.Replace("net1", "net2", StringComparison.Ordinal), interfaceName: "eth1");

        var endpoints = _cni.Node.Endpoints;
        Assert.That(endpoints.Select(e => e.Spec.NamespaceGroup).Distinct().Count(), Is.EqualTo(1));
        Assert.That(endpoints.Select(e => e.Attachment.Gateway4!.ToString()), Is.EquivalentTo(new[] { "169.254.1.1", "169.254.1.2" }));
    }

    [Test]
    public async Task A_delegates_addresses_and_routes_are_used_and_given_back_on_del()
    {
        _cni.Delegate = request => new DelegateOutcome(0, Encoding.UTF8.GetBytes(VerbOf(request) == "ADD" ? HostLocalAnswer : ""));
        var add = await _cni.CallAsync("ADD", HostLocal);
        var del = await _cni.CallAsync("DEL", HostLocal);

        Assert.That(add.ExitCode + del.ExitCode, Is.Zero, Text(add) + Text(del));
        Assert.That(AddressIn(add), Is.EqualTo("10.88.1.2/32"));
        Assert.That(_cni.DelegatesRun.Select(r => $"{r.Type} {VerbOf(r)}"), Is.EqualTo(new[] { "host-local ADD", "host-local DEL" }));
        Assert.That(Encoding.UTF8.GetString(_cni.DelegatesRun[0].Input.Span), Is.EqualTo(HostLocal));
        Assert.That(_cni.Node.Leases, Is.Empty);
    }

    [Test]
    public async Task A_retry_does_not_ask_the_delegate_again()
    {
        _cni.Delegate = _ => new DelegateOutcome(0, Encoding.UTF8.GetBytes(HostLocalAnswer));
        var first = await _cni.CallAsync("ADD", HostLocal);
        var second = await _cni.CallAsync("ADD", HostLocal);

        Assert.That(Text(second), Is.EqualTo(Text(first)));
        Assert.That(_cni.DelegatesRun, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task What_the_delegate_gave_is_given_back_when_connecting_fails()
    {
        _cni.Delegate = request => new DelegateOutcome(0, Encoding.UTF8.GetBytes(VerbOf(request) == "ADD" ? HostLocalAnswer : ""));
        _cni.Node.Faults.FailAt("kernel.link", new CalicoException(Problem.Refused, "add link: Operation not permitted"));
        var reply = await _cni.CallAsync("ADD", HostLocal);

        AssertError(reply, CniCode.Calico, "add link");
        Assert.That(_cni.DelegatesRun.Select(VerbOf), Is.EqualTo(new[] { "ADD", "DEL" }));
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task A_delegates_error_keeps_its_code_and_words()
    {
        _cni.Delegate = _ => new DelegateOutcome(1,
            """{"cniVersion":"0.4.0","code":999,"msg":"no IP addresses available in range set"}"""u8.ToArray());
        AssertError(await _cni.CallAsync("ADD", HostLocal), 999, "no IP addresses available in range set");
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task A_missing_delegate_is_named()
    {
        AssertError(await _cni.CallAsync("ADD", HostLocal), CniCode.Calico, "failed to find plugin \"host-local\"");
    }

    [Test]
    public async Task Check_compares_the_previous_result()
    {
        var add = Text(await _cni.CallAsync("ADD", Ours));
        var good = await _cni.CallAsync("CHECK", WithPrevious(Ours, add));
        var bad = await _cni.CallAsync("CHECK", WithPrevious(Ours, add.Replace("10.65.0.0", "10.65.0.9", StringComparison.Ordinal)));
        var unknown = await _cni.CallAsync("CHECK", WithPrevious(Ours, add), containerId: "c2");
        var missing = await _cni.CallAsync("CHECK", Ours);

        Assert.That(good.ExitCode, Is.Zero, Text(good));
        Assert.That(good.Output.Length, Is.Zero);
        AssertError(bad, CniCode.Calico, "addresses are 10.65.0.0/32, not 10.65.0.9/32");
        AssertError(unknown, CniCode.UnknownContainer, "c2");
        AssertError(missing, CniCode.InvalidConfiguration, "prevResult");
    }

    [Test]
    public async Task Check_tolerates_what_later_plugins_added()
    {
        var add = Text(await _cni.CallAsync("ADD", Ours));
        var added = add.Replace("\"ips\":[", "\"ips\":[{\"interface\":2,\"address\":\"192.0.2.9/24\"},", StringComparison.Ordinal)
            .Replace("],\"ips\"", ",{\"name\":\"bwp1\",\"mac\":\"02:00:00:00:00:01\"}],\"ips\"", StringComparison.Ordinal);
        var reply = await _cni.CallAsync("CHECK", WithPrevious(Ours, added));

        Assert.That(reply.ExitCode, Is.Zero, Text(reply));
    }

    [Test]
    public async Task Gc_removes_what_is_not_in_the_list_and_of_its_network_only()
    {
        var conf = Ours.Replace("1.0.0", "1.1.0", StringComparison.Ordinal);
        await _cni.CallAsync("ADD", conf, containerId: "keep");
        await _cni.CallAsync("ADD", conf, containerId: "stale");
        await _cni.CallAsync("ADD", conf, containerId: "pod-x", args: Pod);
        await _cni.CallAsync("ADD", conf.Replace("net1", "net2", StringComparison.Ordinal), containerId: "other");
        var gc = conf.Replace("\"type\":\"calico\",",
            """  "type":"calico","cni.dev/valid-attachments":[{"containerID":"keep","ifname":"eth0"},{"containerID":"pod-x","ifname":"eth0"}],""", StringComparison.Ordinal);
        var reply = await _cni.CallAsync("GC", gc, containerId: "", interfaceName: "", netns: "");

        Assert.That(reply.ExitCode, Is.Zero, Text(reply));
        Assert.That(_cni.Node.Endpoints.Select(e => e.Spec.Instance), Is.EquivalentTo(new[] { "keep", "pod-x", "other" }));
    }

    [Test]
    public async Task Gc_without_a_list_removes_nothing()
    {
        var conf = Ours.Replace("1.0.0", "1.1.0", StringComparison.Ordinal);
        await _cni.CallAsync("ADD", conf);
        AssertError(await _cni.CallAsync("GC", conf), CniCode.InvalidConfiguration, "valid-attachments");
        Assert.That(_cni.Node.Endpoints, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Status_tells_ready_not_ready_and_old()
    {
        var conf = Ours.Replace("1.0.0", "1.1.0", StringComparison.Ordinal);
        Assert.That((await _cni.CallAsync("STATUS", conf)).ExitCode, Is.Zero);
        _cni.Node.Status.CanConnect = (false, ["not in sync"]);
        AssertError(await _cni.CallAsync("STATUS", conf), CniCode.NotAvailable, "not in sync");
        _cni.Node.Status.Enforcing = (7, TimeSpan.FromHours(1));
        AssertError(await _cni.CallAsync("STATUS", conf), CniCode.LimitedConnectivity, "revision 7");
        AssertError(await _cni.CallAsync("STATUS", Ours), CniCode.IncompatibleVersion, "STATUS");
    }

    [TestCase("K8S_POD_NAME=x", "0.4.0", null, 0)]
    [TestCase("POLICY=web", "0.4.0", "unknown args [\"POLICY=web\"]", CniCode.InvalidEnvironment)]
    [TestCase("IgnoreUnknown=1;POLICY=web", "0.4.0", null, 0)]
    [TestCase("IP=10.65.0.300", "0.4.0", "10.65.0.300", CniCode.InvalidEnvironment)]
    [TestCase("MAC=ff:ff:ff:ff:ff:ff", "0.4.0", "unicast", CniCode.InvalidEnvironment)]
    [TestCase("", "2.0.0", "unsupported CNI version 2.0.0", CniCode.IncompatibleVersion)]
    public async Task Wrong_input_has_its_code(string args, string version, string? message, int code)
    {
        var reply = await _cni.CallAsync("ADD", Ours.Replace("1.0.0", version, StringComparison.Ordinal), args: args);
        if (message is null)
        {
            Assert.That(reply.ExitCode, Is.Zero, Text(reply));
        }
        else
        {
            AssertError(reply, code, message);
        }
    }

    [TestCase("kns.web")]
    [TestCase("KSA.web.default")]
    [TestCase("publish.tcp-80")]
    public async Task A_network_that_is_called_like_anothers_profile_is_refused_and_a_DEL_of_it_is_not(string name)
    {
        var conf = Ours.Replace("net1", name, StringComparison.Ordinal);
        var refused = await _cni.CallAsync("ADD", conf);
        AssertError(refused, CniCode.InvalidConfiguration, $"network '{name}'");
        Assert.That(_cni.Node.Endpoints, Is.Empty);
        Assert.That((await _cni.CallAsync("DEL", conf)).ExitCode, Is.Zero);
        // There the profile is the namespace's, whatever the network is called.
        Assert.That((await _cni.CallAsync("ADD", conf.Replace("\"type\":\"calico\",", "\"type\":\"calico\",\"policy\":{\"type\":\"k8s\"},",
            StringComparison.Ordinal), args: Pod)).ExitCode, Is.Zero);
    }

    [Test]
    public async Task All_wrong_fields_are_named_with_their_paths()
    {
        var reply = await _cni.CallAsync("ADD",
            """{"cniVersion":"1.0.0","name":"a b","mtu":5,"policy":{"type":"k8s-annotations"},"ipam":{"assign_ipv4":"maybe","ipv4_pools":["10.0.0.0/8","fd00::/64"]}}""");

        AssertError(reply, CniCode.InvalidConfiguration, "name");
        var text = Text(reply);
        foreach (var path in (string[])["name:", "mtu:", "policy.type:", "ipam.assign_ipv4:", "ipam.ipv4_pools[1]:"])
        {
            Assert.That(text, Does.Contain(path));
        }
    }

    [TestCase("CNI_CONTAINERID", "", "CNI_CONTAINERID")]
    [TestCase("CNI_IFNAME", "seventeen-letters", "CNI_IFNAME")]
    [TestCase("CNI_CONTAINERID", "../etc", "CNI_CONTAINERID")]
    [TestCase("CNI_COMMAND", "SING", "SING")]
    [TestCase("CNI_NETNS", "", "CNI_NETNS")]
    public async Task A_wrong_variable_is_named(string variable, string value, string expected)
    {
        var variables = CniHarness.Variables("ADD", "c1", "eth0", "/run/netns/n1", "")
            .Select(v => v.Key == variable ? KeyValuePair.Create(variable, value) : v);
        AssertError(await _cni.CallAsync(ShimRole.Network, variables, Ours), CniCode.InvalidEnvironment, expected);
    }

    [TestCase(Problem.Invalid, "ipam", CniCode.InvalidConfiguration)]
    [TestCase(Problem.Invalid, "CNI_ARGS", CniCode.InvalidEnvironment)]
    [TestCase(Problem.NotFound, "ipam.ipv4_pools[0]", CniCode.InvalidConfiguration)]
    [TestCase(Problem.AlreadyExists, null, CniCode.Calico)]
    [TestCase(Problem.Conflict, null, CniCode.TryAgainLater)]
    [TestCase(Problem.Unavailable, null, CniCode.TryAgainLater)]
    [TestCase(Problem.Exhausted, null, CniCode.Calico)]
    [TestCase(Problem.Unsupported, "mtu", CniCode.UnsupportedField)]
    [TestCase(Problem.Refused, null, CniCode.Calico)]
    [TestCase(Problem.Damaged, null, CniCode.Calico)]
    public async Task Every_problem_has_its_code(Problem problem, string? path, int code)
    {
        _cni.Node.Faults.FailAt("network.connect", new CalicoException(problem, "what happened", path));
        AssertError(await _cni.CallAsync("ADD", Ours), code, "what happened");
    }

    [TestCase("placement.interfaceName", "CNI_IFNAME", CniCode.InvalidEnvironment)]
    [TestCase("placement.namespace", "CNI_NETNS", CniCode.InvalidEnvironment)]
    [TestCase("instance", "CNI_CONTAINERID", CniCode.InvalidEnvironment)]
    [TestCase("unmanaged", "ipam", CniCode.InvalidConfiguration)]
    [TestCase("claim.pools", "ipam", CniCode.InvalidConfiguration)]
    [TestCase("mtu", "mtu", CniCode.InvalidConfiguration)]
    public async Task S8_a_field_of_the_contract_is_named_in_CNIs_words(string path, string field, int code)
    {
        _cni.Node.Faults.FailAt("network.connect", new CalicoException(Problem.Invalid, "what happened", path));
        AssertError(await _cni.CallAsync("ADD", Ours), code, $"{field}: what happened");
    }

    [Test]
    public async Task A_bug_is_answered_and_does_not_end_the_server()
    {
        _cni.Node.Faults.FailAt("network.connect", new InvalidOperationException("a bug"));
        AssertError(await _cni.CallAsync("ADD", Ours), CniCode.Calico, "internal error");
        Assert.That((await _cni.CallAsync("ADD", Ours)).ExitCode, Is.Zero);
    }

    [Test]
    public async Task Shortage_has_upstreams_words()
    {
        _cni.Node.Pools = [new AddressPool("small", IPNetwork.Parse("10.70.0.0/32"), 32, false)];
        await _cni.CallAsync("ADD", Ours);
        AssertError(await _cni.CallAsync("ADD", Ours, containerId: "c2"), CniCode.Calico,
            "failed to request IPv4 addresses: Assigned 0 out of 1 requested IPv4 addresses");
    }

    [Test]
    public async Task A_plugin_before_us_is_refused()
    {
        AssertError(await _cni.CallAsync("ADD", WithPrevious(Ours, """{"cniVersion":"1.0.0","ips":[]}""")), CniCode.InvalidConfiguration,
            "first plugin");
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task A_namespace_that_is_not_there_is_the_environments_fault()
    {
        _cni.Node.Namespaces.Destroy("/run/netns/n1");
        AssertError(await _cni.CallAsync("ADD", Ours), CniCode.InvalidEnvironment, "failed to open netns \"/run/netns/n1\"");
    }

    [Test]
    public async Task A_call_that_outlasts_its_budget_is_answered_with_try_again()
    {
        var time = new FakeTimeProvider();
        await using var slow = new CniHarness(time);
        slow.Delegate = _ =>
        {
            time.Advance(slow.Settings.CallBudget);
            return new DelegateOutcome(0, Encoding.UTF8.GetBytes(HostLocalAnswer));
        };
        await slow.StartAsync();
        AssertError(await slow.CallAsync("ADD", HostLocal), CniCode.TryAgainLater, "not done within 25 s");
        Assert.That(slow.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task C10_published_ports_are_let_in_by_a_profile_behind_the_networks()
    {
        var published = Ours[..^1]
            + ""","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"},{"hostPort":53,"containerPort":53,"protocol":"udp"},{"hostPort":8081,"containerPort":80}]}}""";
        Assert.That((await _cni.CallAsync("ADD", published)).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints.Single().Spec.Profiles.Last(), Is.EqualTo("publish.tcp-80.udp-53"));
        Assert.That(_cni.Node.Endpoints.Single().Spec.Profiles, Has.Length.EqualTo(2));
        Assert.That(_cni.Node.MadeProfiles["publish.tcp-80.udp-53"].OpenPorts.Select(p => (p.Protocol, p.ContainerPort)),
            Is.EqualTo(new[] { (ProtocolType.Tcp, 80), (ProtocolType.Udp, 53) }));
        AssertError(await _cni.CallAsync("ADD", Ours[..^1]
            + ""","runtimeConfig":{"portMappings":[{"hostPort":1,"containerPort":70000}]}}""", containerId: "c2"),
            CniCode.InvalidConfiguration, "containerPort");
    }

    [Test]
    public async Task Draining_lets_a_call_end_and_takes_no_new_one()
    {
        var inDelegate = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        _cni.Delegate = request =>
        {
            inDelegate.SetResult();
            goOn.Task.Wait();
            return new DelegateOutcome(0, Encoding.UTF8.GetBytes(HostLocalAnswer));
        };
        var call = Task.Run(() => _cni.CallAsync("ADD", HostLocal));
        await inDelegate.Task;
        var stopping = _cni.StopAsync();
        goOn.SetResult();

        Assert.That((await call).ExitCode, Is.Zero);
        await stopping;
    }

    [Test]
    public async Task A_client_that_sends_garbage_is_dropped_and_others_are_served()
    {
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_cni.Settings.Socket));
            await socket.SendAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());
            Assert.That(await socket.ReceiveAsync(new byte[16]), Is.Zero);
        }

        Assert.That((await _cni.CallAsync("ADD", Ours)).ExitCode, Is.Zero);
    }

    [Test]
    public async Task A_request_in_single_bytes_is_a_request()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_cni.Settings.Socket));
        var frame = new ShimRequest(ShimRole.Network, false, CniHarness.Variables("ADD", "c1", "eth0", "/run/netns/n1", ""),
            Encoding.UTF8.GetBytes(Ours)).ToFrame();
        for (var i = 0; i < frame.Length; i++)
        {
            await socket.SendAsync(frame.Slice(i, 1));
        }

        var header = new byte[Frame.HeaderLength];
        Assert.That(await socket.ReceiveAsync(header), Is.EqualTo(header.Length));
        Assert.That(Frame.ReadHeader(header).Kind, Is.EqualTo(FrameKind.Reply));
    }

    [Test]
    public async Task The_socket_is_roots_alone()
    {
        Assert.That(File.GetUnixFileMode(_cni.Settings.Socket), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        await Task.CompletedTask;
    }

    private static string VerbOf(DelegateRequest request) => request.Environment.Single(v => v.Key == "CNI_COMMAND").Value;

    private static string WithPrevious(string configuration, string result) =>
        configuration[..^1] + ",\"prevResult\":" + result.TrimEnd() + "}";
}
