using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>What the adapter promises dockerd (DESIGN 12), a test each.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class DriverTests
{
    private DockerHarness _docker = null!;

    private DockerClient Client => new(_docker);

    [SetUp]
    public async Task StartAsync() => _docker = await DockerHarness.StartAsync();

    [TearDown]
    public async Task EndAsync() => await _docker.DisposeAsync();

    [Test]
    public async Task Activation_asks_nothing_of_the_host()
    {
        _docker.Node.KillStore();
        var both = await _docker.CallAsync("Plugin.Activate", "");
        // It serves, so it has read what it knew of networks.
        var before = _docker.Node.Faults.Passed.Count;
        Assert.That(both.ToJsonString(), Is.EqualTo("""{"Implements":["NetworkDriver","IpamDriver"]}"""));
        var ipam = await _docker.CallAsync("Plugin.Activate", "", isIpam: true);
        Assert.That(ipam.ToJsonString(), Is.EqualTo("""{"Implements":["IpamDriver"]}"""));
        Assert.That((string)(await _docker.CallAsync("NetworkDriver.GetCapabilities", ""))["Scope"]!, Is.EqualTo("local"));
        Assert.That((bool)(await _docker.CallAsync("IpamDriver.GetCapabilities", "", isIpam: true))["RequiresMACAddress"]!, Is.False);
        var spaces = await _docker.CallAsync("IpamDriver.GetDefaultAddressSpaces", "", isIpam: true);
        Assert.That((string)spaces["LocalDefaultAddressSpace"]!, Is.EqualTo(DockerClient.Space));
        Assert.That(_docker.Node.Faults.Passed.Skip(before), Is.Empty);
    }

    [Test]
    public async Task A_driver_of_2016_answers_for_addresses_on_its_one_socket()
    {
        var pool = (string)(await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody("")))["PoolID"]!;
        var address = await _docker.CallAsync("IpamDriver.RequestAddress", DockerClient.AddressBody(pool));
        Assert.That((string)address["Address"]!, Does.EndWith("/32"));
    }

    [Test]
    public async Task Without_a_subnet_the_pool_is_everything_and_its_id_says_so()
    {
        var answer = await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody(""), isIpam: true);
        Assert.That((string)answer["Pool"]!, Is.EqualTo("0.0.0.0/0"));
        Assert.That((string)answer["PoolID"]!, Is.EqualTo("CalicoLocalAddressSpace|0.0.0.0/0|"));
        var part = await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody("10.65.0.0/25", "10.65.0.64/26"), isIpam: true);
        Assert.That((string)part["PoolID"]!, Is.EqualTo("CalicoLocalAddressSpace|10.65.0.0/25|10.65.0.64/26"));
    }

    [Test]
    public async Task A_subnet_and_a_range_bound_the_addresses()
    {
        var pools = await Client.CreateNetworkAsync("n1", ["10.65.0.0/25"], range: "10.65.0.64/26");
        var address = IPNetwork.Parse(await Client.RequestAddressAsync(pools[0])).BaseAddress;
        Assert.That(IPNetwork.Parse("10.65.0.64/26").Contains(address), Is.True, $"{address}");
        var parts = await Client.CreateNetworkAsync("n2", ["10.65.0.32/28"]);
        Assert.That(await Client.RequestAddressAsync(parts[0]), Is.EqualTo("10.65.0.32/32"), "a part of a pool");
    }

    [Test]
    public async Task The_first_subnet_exhausted_the_second_is_taken_inside_the_answer()
    {
        _docker.Node.Pools = [Pool("a", "10.66.0.0/30"), Pool("b", "10.67.0.0/30")];
        var pools = await Client.CreateNetworkAsync("n1", ["10.66.0.0/30", "10.67.0.0/30"]);
        var taken = new List<string>();
        for (var i = 0; i < 8; i++)
        {
            taken.Add(await Client.RequestAddressAsync(pools[0]));
        }

        Assert.That(taken.Distinct().Count(), Is.EqualTo(8));
        Assert.That(taken.Count(a => a.StartsWith("10.67.", StringComparison.Ordinal)), Is.EqualTo(4));
        Assert.That(await Client.RefusedAddressAsync(pools[0]), Does.Contain("IPv4 addresses"));
    }

    [Test]
    public async Task A_gateway_that_no_pool_has_is_said_back_and_one_of_a_pool_is_kept_from_endpoints()
    {
        var pools = await Client.CreateNetworkAsync("n1", ["10.65.0.0/24"]);
        const string Asked = """{"RequestAddressType":"com.docker.network.gateway"}""";
        foreach (var echoed in (string[])["198.51.100.1", "10.65.0.0"])
        {
            var body = DockerClient.AddressBody(pools[0], echoed, Asked);
            var answer = await _docker.CallAsync("IpamDriver.RequestAddress", body, isIpam: true);
            Assert.That((string)answer["Address"]!, Is.EqualTo(echoed + "/32"));
        }

        Assert.That(_docker.Node.Leases, Is.Empty);
        await _docker.CallAsync("IpamDriver.RequestAddress", DockerClient.AddressBody(pools[0], "10.65.0.1", Asked), isIpam: true);
        Assert.That(await Client.RefusedAddressAsync(pools[0], "10.65.0.1"), Does.Contain("10.65.0.1"));
        await Client.ReleaseAsync(pools[0], "10.65.0.1");
        Assert.That(_docker.Node.Leases, Is.Empty);
    }

    [Test]
    public async Task An_auxiliary_address_is_no_endpoints_and_free_when_its_network_is_gone()
    {
        var pools = await Client.CreateNetworkAsync("n0", ["10.65.0.0/24"]);
        var aux = await Client.RequestAddressAsync(pools[0], "10.65.0.5");
        await Client.CreateNetworkAsync("n1", ["10.65.0.0/24"], aux: $$"""{"r1":"{{aux}}"}""");
        Assert.That(_docker.Node.Leases.Single().Purpose, Is.EqualTo(LeasePurpose.Network));
        Assert.That(await Client.RefusedAddressAsync(pools[0], "10.65.0.5"), Does.Contain("10.65.0.5"));

        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        Assert.That(_docker.Node.Leases, Is.Empty);
    }

    [Test]
    public async Task A_container_runs_and_is_removed_and_nothing_is_left()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        var (address, joined) = await Client.RunAsync("n1", "e1234567890abc", pools[0]);
        Assert.That((string)joined["InterfaceName"]!["SrcName"]!, Is.EqualTo("tempe1234567890"));
        Assert.That((string)joined["InterfaceName"]!["DstPrefix"]!, Is.EqualTo("cali"));
        Assert.That((string)joined["Gateway"]!, Is.EqualTo("169.254.1.1"));
        Assert.That(RoutesOf(joined), Is.EqualTo(new[] { "169.254.1.1/32 on link", "10.65.0.0/24 via 169.254.1.1" }));
        Assert.That($"{_docker.Node.Endpoints.Single().Spec.Id}", Is.EqualTo("libnetwork/libnetwork/e1234567890abc"));

        await Client.RemoveAsync("n1", "e1234567890abc", pools[0], address);
        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        var left = (_docker.Node.Endpoints.Length, _docker.Node.Leases.Length, _docker.Node.Links.Length, _docker.Node.MadeProfiles.Count);
        Assert.That(left, Is.EqualTo((0, 0, 0, 0)));
    }

    [Test]
    public async Task A_mac_is_answered_only_to_a_user_who_said_none()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        var address = await Client.RequestAddressAsync(pools[0]);
        var own = await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", address));
        var mac = (string)own["Interface"]!["MacAddress"]!;
        Assert.That(mac, Does.Match("^([0-9a-f]{2}:){5}[0-9a-f]{2}$").And.Not.EqualTo("ee:ee:ee:ee:ee:ee"));
        const string Said = """{"com.docker.network.endpoint.macaddress":"AkKsEQCZ"}""";
        var given = await _docker.CallAsync("NetworkDriver.CreateEndpoint",
            DockerClient.EndpointBody("n1", "e2", await Client.RequestAddressAsync(pools[0]), Said, "02:42:ac:11:00:99"));
        Assert.That(given["Interface"]!.AsObject(), Is.Empty);
        Assert.That($"{_docker.Node.Endpoints.Single(e => e.Spec.Id.Endpoint == "e2").Attachment.Mac}", Is.EqualTo("0242AC110099"));
    }

    [Test]
    public async Task Networks_of_one_container_have_gateways_of_their_own_and_each_routes_its_pool()
    {
        _docker.Node.Pools = [Pool("a", "10.66.0.0/24"), Pool("b", "10.67.0.0/24")];
        var first = await Client.CreateNetworkAsync("n1", ["10.66.0.0/24"]);
        var second = await Client.CreateNetworkAsync("n2", ["10.67.0.0/24"]);
        var a = await Client.RunAsync("n1", "e1", first[0], sandbox: "s1");
        var b = await Client.RunAsync("n2", "e2", second[0], sandbox: "s1");
        var other = await Client.RunAsync("n2", "e3", second[0], sandbox: "s2");
        Assert.That(RoutesOf(a.Joined), Is.EqualTo(new[] { "169.254.1.1/32 on link", "10.66.0.0/24 via 169.254.1.1" }));
        Assert.That(RoutesOf(b.Joined), Is.EqualTo(new[] { "169.254.1.2/32 on link", "10.67.0.0/24 via 169.254.1.2" }));
        Assert.That((string)other.Joined["Gateway"]!, Is.EqualTo("169.254.1.1"), "another container");
    }

    [Test]
    public async Task An_internal_network_gives_no_default_route_and_its_profile_lets_nobody_else_in()
    {
        var pools = await Client.CreateNetworkAsync("n1", isInternal: true);
        var (_, joined) = await Client.RunAsync("n1", "e1", pools[0]);
        Assert.That(joined.ContainsKey("Gateway"), Is.False);
        Assert.That(RoutesOf(joined), Does.Contain("10.65.0.0/24 via 169.254.1.1"));
        Assert.That(_docker.Node.MadeProfiles["n1"].Internal, Is.True);
    }

    [Test]
    public async Task Addresses_of_dockers_own_ipam_are_taken_as_they_come_and_never_inside_a_pool()
    {
        await _docker.CallAsync("NetworkDriver.CreateNetwork", DockerClient.ForeignNetwork("n1", "172.17.0.0/16"));
        await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", "172.17.0.2/16"));
        Assert.That((string)(await Client.JoinAsync("n1", "e1"))["Gateway"]!, Is.EqualTo("169.254.1.1"));
        Assert.That(_docker.Node.Leases, Is.Empty);
        Assert.That(_docker.Node.Endpoints.Single().Attachment.Addresses.Single().ToString(), Is.EqualTo("172.17.0.2/32"));
        var error = await _docker.RefusedAsync("NetworkDriver.CreateNetwork", DockerClient.ForeignNetwork("n2", "10.65.0.0/16"));
        Assert.That(error, Does.Contain("10.65.0.0/16").And.Contain("pool4").And.Contain("calico-ipam"));
    }

    [TestCase("""{"mode":"x"}""", "mode")]
    [TestCase("""{"com.docker.network.driver.mtu":"12"}""", "mtu is '12'")]
    [TestCase("""{"com.docker.network.container_iface_prefix":"a/b"}""", "a/b")]
    public async Task An_option_that_nobody_would_act_upon_is_refused_by_name(string options, string expected)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => Client.CreateNetworkAsync("n1", options: options));
        Assert.That(error!.Message, Does.Contain(expected));
        Assert.That(_docker.Node.MadeProfiles, Is.Empty);
    }

    [Test]
    public async Task Options_of_a_network_reach_its_links()
    {
        const string Options = """{"com.docker.network.driver.mtu":"1410","com.docker.network.container_iface_prefix":"net"}""";
        var pools = await Client.CreateNetworkAsync("n1", options: Options);
        await _docker.RestartAsync();
        var (_, joined) = await Client.RunAsync("n1", "e1", pools[0]);
        Assert.That((string)joined["InterfaceName"]!["DstPrefix"]!, Is.EqualTo("net"), "also after a restart: dockerd says it once");
        Assert.That(_docker.Node.Endpoints.Single().Attachment.Mtu, Is.EqualTo(1410));
    }

    [Test]
    public async Task What_is_not_done_for_an_endpoint_is_refused_by_name()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        var address = await Client.RequestAddressAsync(pools[0]);
        const string Ports = """{"com.docker.network.portmap":[{"Proto":6,"IP":"","Port":80,"HostIP":"here","HostPort":80}]}""";
        foreach (var (options, name) in new[] { (Ports, "-p"), ("""{"org.example.prio":"5"}""", "org.example.prio") })
        {
            var error = await _docker.RefusedAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", address, options));
            Assert.That(error, Does.Contain(name));
        }

        var ipam = DockerClient.PoolBody("", options: """{"k2":"v2"}""");
        Assert.That(await _docker.RefusedAsync("IpamDriver.RequestPool", ipam, isIpam: true), Does.Contain("k2"));
    }

    [Test]
    public async Task The_facts_of_an_endpoint_never_fail()
    {
        _docker.Node.Faults.FailAt("network.find", new CalicoException(Problem.Unavailable, "not now"));
        var facts = await _docker.CallAsync("NetworkDriver.EndpointOperInfo", """{"NetworkID":"n1","EndpointID":"never"}""");
        Assert.That(facts["Value"]!.AsObject(), Is.Empty);
    }

    private static AddressPool Pool(string name, string cidr) => new(name, IPNetwork.Parse(cidr), 30, Disabled: false);

    private static IEnumerable<string> RoutesOf(JsonObject joined) => joined["StaticRoutes"]!.AsArray()
        .Select(r => (int)r!["RouteType"]! == 1 ? $"{r["Destination"]} on link" : $"{r["Destination"]} via {r["NextHop"]}");
}
