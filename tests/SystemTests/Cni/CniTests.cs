using System.Text.Json.Nodes;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>The CNI adapter by its protocol: verbs, versions, delegates, chains, and what the namespace looks like.</summary>
[TestFixture, Parallelizable]
public sealed class CniTests
{
    private CniHost _cni = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _cni = await CniHost.StartAsync(host => host.Settings["CALICO_IPV6POOL_CIDR"] = "fd00:65::/112", number: 32);
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
    public async Task NothingIsLeftAsync()
    {
        await _cni.Host.ShellAsync("for n in $(ip netns list | cut -d' ' -f1); do ip netns del $n; done");
        await _cni.AssertCleanAsync();
    }

    [TestCase("0.1.0", "ip4.ip")]
    [TestCase("0.2.0", "ip4.ip")]
    [TestCase("0.3.0", "ips.0.address")]
    [TestCase("0.3.1", "ips.0.address")]
    [TestCase("0.4.0", "ips.0.address")]
    [TestCase("1.0.0", "ips.0.address")]
    [TestCase("1.1.0", "ips.0.address")]
    public async Task Every_version_gets_its_own_shape(string version, string path)
    {
        await _cni.AddNamespaceAsync("v");
        var conf = $$$"""{"cniVersion":"{{{version}}}","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";
        var result = (await _cni.CallAsync("ADD", "v1", "/run/netns/v", conf)).OrThrow();
        var node = path.Split('.').Aggregate(JsonNode.Parse(result.Output), (n, part) => int.TryParse(part, out var i) ? n![i] : n![part]);
        Assert.That((string)node!, Does.StartWith("10.65.").And.EndsWith("/32"));
        await _cni.DeleteAsync("v1", "v", conf);
    }

    [Test]
    public async Task Dual_stack_pings_both_ways()
    {
        const string conf = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam","assign_ipv4":"true","assign_ipv6":"true"}}""";
        await _cni.AddNamespaceAsync("d1");
        await _cni.AddNamespaceAsync("d2");
        var result = JsonNode.Parse((await _cni.CallAsync("ADD", "d1", "/run/netns/d1", conf)).OrThrow().Output)!;
        await _cni.AddAsync("d2", "d2", conf);
        foreach (var ip in result["ips"]!.AsArray())
        {
            Assert.That(await _cni.PingAsync("d2", ((string)ip!["address"]!).Split('/')[0]), Is.True, ip.ToJsonString());
        }

        await _cni.DeleteAsync("d1", "d1", conf);
        await _cni.DeleteAsync("d2", "d2", conf);
    }

    [Test]
    public async Task The_namespace_has_a_host_address_a_link_local_gateway_and_a_permanent_neighbour()
    {
        await _cni.AddNamespaceAsync("look");
        var address = await _cni.AddAsync("look", "look");
        Assert.That(await _cni.Host.ShellAsync("ip -n look -br addr show dev eth0"), Does.Contain($"{address}/32"));
        Assert.That(await _cni.Host.ShellAsync("ip -n look route"),
            Does.Contain("default via 169.254.1.1").And.Contain("169.254.1.1 dev eth0 scope link"));
        Assert.That(await _cni.Host.ShellAsync("ip -n look neigh"), Does.Contain("169.254.1.1").And.Contain("ee:ee:ee:ee:ee:ee PERMANENT"));
        Assert.That(await _cni.Host.ShellAsync($"ip route get {address}"), Does.Contain("cali"));
        await _cni.DeleteAsync("look", "look");
    }

    [Test]
    public async Task ADD_again_gives_the_same_and_DEL_twice_is_success()
    {
        await _cni.AddNamespaceAsync("twice");
        var first = await _cni.AddAsync("twice", "twice");
        Assert.That(await _cni.AddAsync("twice", "twice"), Is.EqualTo(first));
        await _cni.DeleteAsync("twice", "twice");
        await _cni.DeleteAsync("twice", null);
    }

    [Test]
    public async Task A_namespace_takes_an_ADD_right_after_its_DEL()
    {
        const string conf = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam","assign_ipv4":"true","assign_ipv6":"true"}}""";
        await _cni.AddNamespaceAsync("again");
        await _cni.Host.ShellAsync("cat > /run/conf", conf);
        // One shell, so that nothing but the program's start lies between a DEL and the next ADD.
        var said = await _cni.Host.RunAsync(["bash", "-c", """
            export CNI_NETNS=/run/netns/again CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin
            for i in $(seq 20); do
              CNI_CONTAINERID=again$i CNI_COMMAND=ADD /opt/cni/bin/calico </run/conf || exit 1
              CNI_CONTAINERID=again$i CNI_COMMAND=DEL /opt/cni/bin/calico </run/conf || exit 1
            done
            """]);
        Assert.That(said.ExitCode, Is.Zero, said.Output[^Math.Min(said.Output.Length, 400)..]);
    }

    [Test]
    public async Task CHECK_is_silent_when_all_is_well_and_names_what_is_not()
    {
        await _cni.AddNamespaceAsync("chk");
        var added = (await _cni.CallAsync("ADD", "chk", "/run/netns/chk")).OrThrow().Output;
        var conf = JsonNode.Parse(CniHost.Conf)!.AsObject();
        conf["prevResult"] = JsonNode.Parse(added);
        (await _cni.CallAsync("CHECK", "chk", "/run/netns/chk", conf.ToJsonString())).OrThrow();
        await _cni.Host.ShellAsync("ip -n chk route del default");
        var error = CniHost.ErrorOf(await _cni.CallAsync("CHECK", "chk", "/run/netns/chk", conf.ToJsonString()));
        Assert.That(error.Message, Does.Contain("default"));
        await _cni.DeleteAsync("chk", "chk");
    }

    [Test]
    public async Task GC_removes_what_is_not_valid_any_more()
    {
        await _cni.AddNamespaceAsync("gc1");
        await _cni.AddNamespaceAsync("gc2");
        await _cni.AddAsync("gc1", "gc1");
        await _cni.AddAsync("gc2", "gc2");
        const string conf = """{"cniVersion":"1.1.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"},"cni.dev/valid-attachments":[{"containerID":"gc1","ifname":"eth0"}]}""";
        (await _cni.Host.RunAsync(["env", "CNI_COMMAND=GC", "CNI_PATH=/opt/cni/bin", "/opt/cni/bin/calico"], conf)).OrThrow();
        Assert.That(await _cni.Host.ShellAsync("ip -n gc2 -br link | grep -c eth0 || true"), Is.EqualTo("0\n"));
        Assert.That(await _cni.Host.ShellAsync("ip -n gc1 -br link | grep -c eth0"), Is.EqualTo("1\n"));
        await _cni.DeleteAsync("gc1", "gc1");
    }

    [Test]
    public async Task STATUS_is_silent_when_the_host_can_connect()
    {
        const string conf = """{"cniVersion":"1.1.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";
        var status = await _cni.Host.RunAsync(["env", "CNI_COMMAND=STATUS", "CNI_PATH=/opt/cni/bin", "/opt/cni/bin/calico"], conf);
        Assert.That(status.ExitCode, Is.Zero, status.Output);
        Assert.That(status.Output, Is.Empty);
    }

    [Test]
    public async Task Host_local_as_a_delegate_brings_its_address()
    {
        const string conf = """{"cniVersion":"1.0.0","name":"net2","type":"calico","ipam":{"type":"host-local","subnet":"10.123.0.0/24"}}""";
        await _cni.AddNamespaceAsync("hl");
        var address = await _cni.AddAsync("hl", "hl", conf);
        Assert.That(address, Does.StartWith("10.123.0."));
        await _cni.DeleteAsync("hl", "hl", conf);
        Assert.That(await _cni.Host.ShellAsync("ls /var/lib/cni/networks/net2 | grep -c '^10' || true"), Is.EqualTo("0\n"),
            "host-local's own record is gone");
    }

    [Test]
    public async Task Calico_ipam_serves_another_network_plugin()
    {
        const string conf = """{"cniVersion":"1.0.0","name":"foreign","type":"bridge","bridge":"br-foreign","ipam":{"type":"calico-ipam"}}""";
        await _cni.AddNamespaceAsync("fo");
        var result = await _cni.CallAsync("ADD", "fo", "/run/netns/fo", conf, program: "bridge");
        Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
        Assert.That(result.Output, Does.Contain("10.65."));
        (await _cni.CallAsync("DEL", "fo", "/run/netns/fo", conf, program: "bridge")).OrThrow();
    }

    [Test]
    public async Task Tuning_bandwidth_and_portmap_chain_behind_us()
    {
        await _cni.AddNamespaceAsync("chain");
        var result = (await _cni.CallAsync("ADD", "chain", "/run/netns/chain")).OrThrow().Output;
        foreach (var (type, extra) in ((string, string)[])[("tuning", "\"sysctl\":{\"net.ipv4.conf.eth0.log_martians\":\"1\"}"),
            ("bandwidth", "\"runtimeConfig\":{\"bandwidth\":{\"ingressRate\":10000000,\"ingressBurst\":1000000}}"),
            ("portmap", "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":8099,\"containerPort\":80,\"protocol\":\"tcp\"}]}")])
        {
            var conf = $"{{\"cniVersion\":\"1.0.0\",\"name\":\"net1\",\"type\":\"{type}\",{extra},\"prevResult\":{result}}}";
            var chained = await _cni.CallAsync("ADD", "chain", "/run/netns/chain", conf, program: type);
            Assert.That(chained.ExitCode, Is.Zero, $"{type}: {chained.Output}{chained.Error}");
            (await _cni.CallAsync("DEL", "chain", "/run/netns/chain", conf, program: type)).OrThrow();
        }

        await _cni.DeleteAsync("chain", "chain");
    }

    [Test]
    public async Task A_namespace_that_died_is_collected_without_DEL()
    {
        await _cni.AddNamespaceAsync("dead");
        await _cni.AddAsync("dead", "dead");
        await _cni.DeleteNamespaceAsync("dead");
        // AssertClean in the teardown waits for the collection.
    }

    [Test]
    public async Task DEL_with_the_host_away_is_spooled_and_done_later()
    {
        await _cni.AddNamespaceAsync("away");
        await _cni.AddAsync("away", "away");
        await _cni.Host.StopCalicoAsync();
        await _cni.DeleteAsync("away", "away");
        Assert.That(await _cni.Host.ShellAsync("ls /var/lib/calico/spool | wc -l"), Is.EqualTo("1\n"));
        await _cni.Host.StartCalicoAsync();
    }

    [Test]
    public async Task ADD_with_the_host_away_is_try_again_later()
    {
        await _cni.Host.StopCalicoAsync();
        await _cni.AddNamespaceAsync("later");
        var result = await _cni.CallAsync("ADD", "later", "/run/netns/later");
        await _cni.Host.StartCalicoAsync();
        Assert.That(CniHost.ErrorOf(result).Code, Is.EqualTo(11));
        Assert.That(result.Elapsed, Is.GreaterThan(TimeSpan.FromSeconds(4)).And.LessThan(TimeSpan.FromSeconds(9)));
    }

    [Test]
    public async Task A_stranger_who_flushes_the_rules_is_healed_and_nobody_gets_open()
    {
        await _cni.AddNamespaceAsync("h1");
        await _cni.AddNamespaceAsync("h2");
        var one = await _cni.AddAsync("h1", "h1");
        await _cni.AddAsync("h2", "h2");
        await _cni.Host.ShellAsync("nft flush ruleset");
        await _cni.Host.ShellAsync($"ip route del {one}");
        for (var i = 0; i < 40 && !await _cni.PingAsync("h2", one); i++)
        {
            await Task.Delay(100);
        }

        Assert.That(await _cni.PingAsync("h2", one), Is.True);
        Assert.That(await _cni.Host.ShellAsync("nft list table inet calico"), Does.Contain("forward-egress"));
        await _cni.DeleteAsync("h1", "h1");
        await _cni.DeleteAsync("h2", "h2");
    }
}
