using System.Diagnostics.CodeAnalysis;
using System.Runtime.Versioning;
using Calico.Plugins.Docker;
using Calico.Plugins.Docker.Networks;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>CreateNetwork names its subnets without the ranges that were asked for.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class PoolRangeTests
{
    private const string Subnet = "10.65.0.0/24";
    private const string RangeA = "10.65.0.0/26";
    private const string RangeB = "10.65.0.64/26";
    private const string GatewayType = """{"RequestAddressType":"com.docker.network.gateway"}""";

    private DockerHarness _docker = null!;

    [SetUp]
    public async Task StartAsync() => _docker = await DockerHarness.StartAsync();

    [TearDown]
    public async Task EndAsync() => await _docker.DisposeAsync();

    [TestCase(false)]
    [TestCase(true)]
    public async Task Two_networks_of_one_subnet_that_are_made_at_once_keep_their_ranges(bool isRestarted)
    {
        var a = await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody(Subnet, RangeA), isIpam: true);
        var b = await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody(Subnet, RangeB), isIpam: true);
        if (isRestarted)
        {
            await _docker.RestartAsync();
        }

        await CreateAsync("nb", (string)b["Data"]!["com.docker.network.gateway"]!);
        await CreateAsync("na", (string)a["Data"]!["com.docker.network.gateway"]!);
        Assert.That((PoolOf("na"), PoolOf("nb")), Is.EqualTo(((string)a["PoolID"]!, (string)b["PoolID"]!)));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Gateways_that_the_user_named_tell_them_apart_too(bool isRestarted)
    {
        var a = (string)(await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody(Subnet, RangeA), isIpam: true))["PoolID"]!;
        var b = (string)(await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody(Subnet, RangeB), isIpam: true))["PoolID"]!;
        var gatewayA = await GatewayAsync(a, "10.65.0.1");
        var gatewayB = await GatewayAsync(b, "10.65.0.65");
        if (isRestarted)
        {
            await _docker.RestartAsync();
        }

        await CreateAsync("nb", gatewayB);
        await CreateAsync("na", gatewayA);
        Assert.That((PoolOf("na"), PoolOf("nb")), Is.EqualTo((a, b)));
    }

    [Test]
    public async Task A_network_without_a_range_has_none_whatever_its_gateway_is()
    {
        foreach (var gateway in (string[])["0.0.0.0/0", "10.65.0.0/24", "198.51.100.1/32", "", "10.65.0.9/24"])
        {
            await CreateAsync("n1", gateway);
            Assert.That(PoolOf("n1"), Is.EqualTo($"{DockerClient.Space}|{Subnet}|"), gateway);
        }
    }

    [TestCase("")]
    [TestCase("calico-net-13")]
    [TestCase("a b")]
    [TestCase("a/b")]
    public void A_prefix_that_makes_no_interface_name_is_refused_at_the_start(string prefix)
    {
        var error = Assert.Throws<CalicoException>(() => new DockerSettings { InterfacePrefix = prefix }.Check());
        Assert.That(error!.Message, Does.Contain("CALICO_DOCKER_INTERFACEPREFIX").And.Contain($"'{prefix}'"));
        Assert.That(error.Path, Is.EqualTo("CALICO_DOCKER_INTERFACEPREFIX"));
    }

    [TestCase("cali")]
    [TestCase("twelve_chars")]
    public void A_prefix_that_leaves_room_for_a_number_is_taken(string prefix) =>
        Assert.That(() => new DockerSettings { InterfacePrefix = prefix }.Check(), Throws.Nothing);

    private Task CreateAsync(string id, string gateway) => _docker.CallAsync("NetworkDriver.CreateNetwork", $$"""
        {"NetworkID":"{{id}}","Options":{},"IPv6Data":[],
         "IPv4Data":[{"AddressSpace":"{{DockerClient.Space}}","Pool":"{{Subnet}}","Gateway":"{{gateway}}","AuxAddresses":{} } ]}
        """);

    private async Task<string> GatewayAsync(string pool, string gateway) => (string)(await _docker.CallAsync(
        "IpamDriver.RequestAddress", DockerClient.AddressBody(pool, gateway, GatewayType), isIpam: true))["Address"]!;

    private string PoolOf(string id) => _docker.Get<NetworkBook>().Find(id)!.PoolIds.Single();
}
