using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>Wrong input at the CNI edge: a clear error that names the field, the right code, nothing left behind.</summary>
[TestFixture, Parallelizable]
public sealed class BadInputTests
{
    private CniHost _cni = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _cni = await CniHost.StartAsync();
        await _cni.AddNamespaceAsync("bad");
        (await _cni.Host.CalicoctlAsync("apply -f -", """
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: tiny}
            spec: {cidr: 10.99.0.0/30, blockSize: 30, nodeSelector: "!all()"}
            ---
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: six}
            spec: {cidr: "fd00:99::/112"}
            """)).OrThrow();
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_cni is not null)
        {
            await _cni.DisposeAsync();
        }
    }

    [TearDown]
    public Task NothingIsLeftAsync() => _cni.AssertCleanAsync();

    private static IEnumerable<TestCaseData> Configurations()
    {
        yield return new TestCaseData("{\"cniVersion\":\"1.0.0\",", 6, "JSON").SetName("Malformed_JSON_is_code_6");
        yield return new TestCaseData("[]", 6, "").SetName("JSON_that_is_no_object_is_code_6");
        yield return new TestCaseData("""{"cniVersion":"7.0.0","name":"net1","type":"calico"}""", 1, "7.0.0")
            .SetName("An_unknown_version_is_code_1");
        yield return new TestCaseData("""{"cniVersion":"1.0.0","type":"calico"}""", 7, "name").SetName("A_missing_network_name_is_code_7");
        yield return new TestCaseData("""{"cniVersion":"1.0.0","name":"not/good","type":"calico"}""", 7, "name")
            .SetName("A_bad_network_name_is_code_7");
        yield return new TestCaseData("""{"cniVersion":"1.0.0","name":"net1","type":"calico","mtu":"big","ipam":{"type":"calico-ipam"}}""",
            7, "mtu").SetName("A_wrong_type_names_the_field");
        yield return new TestCaseData(
            """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam","ipv4_pools":["nowhere"]}}""", 7, "nowhere")
                .SetName("An_unknown_pool_is_named");
        yield return new TestCaseData(
            """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam","ipv4_pools":["six"]}}""", 7, "IPv6")
                .SetName("A_pool_of_the_wrong_family_is_named");
        yield return new TestCaseData("""{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"nosuchipam"}}""", 100,
            "nosuchipam").SetName("A_delegate_that_is_not_there_is_named");
    }

    [TestCaseSource(nameof(Configurations))]
    public async Task Configuration(string conf, int code, string says)
    {
        var error = CniHost.ErrorOf(await _cni.CallAsync("ADD", "bad1", "/run/netns/bad", conf));
        Assert.That(error.Message, Does.Contain(says));
        Assert.That(error.Code, Is.EqualTo(code).Or.EqualTo(code == 7 ? 100 : code), error.Message);
    }

    [Test]
    public async Task A_missing_variable_is_code_4_and_named()
    {
        var result = await _cni.Host.RunAsync(["env", "-u", "CNI_CONTAINERID", "CNI_COMMAND=ADD", "CNI_NETNS=/run/netns/bad",
            "CNI_IFNAME=eth0", "CNI_PATH=/opt/cni/bin", "/opt/cni/bin/calico"], CniHost.Conf);
        var error = CniHost.ErrorOf(result);
        Assert.That(error, Is.EqualTo((4, error.Message)));
        Assert.That(error.Message, Does.Contain("CNI_CONTAINERID"));
    }

    [TestCase("no good", TestName = "A_container_id_with_a_space_is_code_4")]
    [TestCase("../../etc", TestName = "A_container_id_that_climbs_is_code_4")]
    public async Task ContainerId(string id)
    {
        var error = CniHost.ErrorOf(await _cni.CallAsync("ADD", id, "/run/netns/bad"));
        Assert.That(error.Code, Is.EqualTo(4));
        Assert.That(error.Message, Does.Contain("CNI_CONTAINERID"));
    }

    [TestCase("averyveryverylongname")]
    [TestCase("a/b")]
    [TestCase("lo")]
    public async Task A_bad_interface_name_is_code_4(string name)
    {
        var error = CniHost.ErrorOf(await _cni.CallAsync("ADD", "bad2", "/run/netns/bad", ifname: name));
        Assert.That(error.Code, Is.EqualTo(4));
        Assert.That(error.Message, Does.Contain("CNI_IFNAME"));
    }

    [TestCase("/run/netns/not-there")]
    [TestCase("/etc/passwd")]
    [TestCase("/proc/1/ns/net")]
    [TestCase("/proc/1/ns/mnt")]
    public async Task A_path_that_is_no_workload_namespace_is_refused_and_named(string path)
    {
        var error = CniHost.ErrorOf(await _cni.CallAsync("ADD", "bad3", path));
        Assert.That(error.Message, Does.Contain(path));
        Assert.That(error.Code, Is.EqualTo(4));
    }

    [Test]
    public async Task An_interface_that_exists_is_refused_and_left_alone()
    {
        await _cni.Host.ShellAsync("ip -n bad link add eth7 type veth peer name eth8");
        var error = CniHost.ErrorOf(await _cni.CallAsync("ADD", "bad4", "/run/netns/bad", ifname: "eth7"));
        Assert.That(error.Message, Does.Contain("eth7"));
        Assert.That(await _cni.Host.ShellAsync("ip -n bad -br link show dev eth7"), Does.Contain("eth7"));
        await _cni.Host.ShellAsync("ip -n bad link del eth7");
    }

    [Test]
    public async Task An_exhausted_pool_says_so_and_what_it_had_is_kept()
    {
        const string conf = """{"cniVersion":"1.0.0","name":"tiny","type":"calico","ipam":{"type":"calico-ipam","ipv4_pools":["tiny"]}}""";
        var given = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            await _cni.AddNamespaceAsync($"tiny{i}");
            given.Add(await _cni.AddAsync($"tiny{i}", $"tiny{i}", conf));
        }

        Assert.That(given.Distinct().Count(), Is.EqualTo(4));
        var error = CniHost.ErrorOf(await _cni.CallAsync("ADD", "tiny9", "/run/netns/bad", conf));
        Assert.That(error.Message, Does.Contain("0 out of 1 requested IPv4"));
        for (var i = 0; i < 4; i++)
        {
            await _cni.DeleteAsync($"tiny{i}", $"tiny{i}", conf);
            await _cni.DeleteNamespaceAsync($"tiny{i}");
        }
    }

    [Test]
    public async Task An_address_outside_every_pool_is_named()
    {
        var error = CniHost.ErrorOf(await _cni.CallAsync("ADD", "bad5", "/run/netns/bad", args: "IP=203.0.113.9"));
        Assert.That(error.Message, Does.Contain("203.0.113.9"));
    }

    [Test]
    public async Task DEL_of_what_was_never_there_is_success()
    {
        await _cni.DeleteAsync("never", null);
        await _cni.DeleteAsync("never", "bad");
    }
}
