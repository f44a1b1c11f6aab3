using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>Ports of <c>-p</c> and <c>-P</c>, as dockerd tells of them.</summary>
[TestFixture, UnsupportedOSPlatform("windows")]
public sealed class PublishedPortTests
{
    private const string Ports = """
        {"com.docker.network.endpoint.exposedports":[{"Proto":6,"Port":80}],"com.docker.network.portmap":[
          {"Proto":17,"IP":"","Port":53,"HostIP":"","HostPort":0,"HostPortEnd":0},
          {"Proto":6,"IP":"","Port":80,"HostIP":"127.0.0.1","HostPort":8080,"HostPortEnd":8080},
          {"Proto":6,"IP":"","Port":80,"HostIP":"","HostPort":8000,"HostPortEnd":8010}]}
        """;

    private DockerHarness _docker = null!;

    [SetUp]
    public async Task StartAsync() => _docker = await DockerHarness.StartAsync();

    [TearDown]
    public async Task EndAsync() => await _docker.DisposeAsync();

    private DockerClient Client => new(_docker);

    private static string Body(string options) => $$"""{"NetworkID":"n1","EndpointID":"e1","Options":{{options}} }""";

    [Test]
    public async Task Ports_begin_with_the_networks_that_dockerd_names_the_containers_way_out_and_end_with_it()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        var address = await Client.RequestAddressAsync(pools[0]);
        await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", address, Ports));
        await Client.JoinAsync("n1", "e1");
        Assert.That(_docker.Node.Endpoints.Single().Spec.Ports, Is.Empty, "a bridge beside it may publish them");

        await _docker.CallAsync("NetworkDriver.ProgramExternalConnectivity", Body(Ports));
        var spec = _docker.Node.Endpoints.Single().Spec;
        Assert.That(spec.Ports, Is.EqualTo(new PublishedPort[]
        {
            new(ProtocolType.Tcp, null, 8000, 8010, 80), new(ProtocolType.Tcp, IPAddress.Loopback, 8080, 0, 80), new(ProtocolType.Udp, null,
                0, 0, 53),
        }));
        Assert.That(spec.Profiles, Is.EqualTo(new[] { "n1", "publish.tcp-80.udp-53" }), "the network decides first");
        Assert.That(_docker.Node.MadeProfiles["publish.tcp-80.udp-53"].OpenPorts.Select(p => (p.Protocol, p.ContainerPort)),
            Is.EqualTo(new[] { (ProtocolType.Tcp, 80), (ProtocolType.Udp, 53) }));

        await _docker.CallAsync("NetworkDriver.ProgramExternalConnectivity", Body(Ports));
        Assert.That(_docker.Node.Endpoints.Single().Spec.Profiles, Has.Length.EqualTo(2), "the same again");
        await _docker.CallAsync("NetworkDriver.RevokeExternalConnectivity", """{"NetworkID":"n1","EndpointID":"e1"}""");
        spec = _docker.Node.Endpoints.Single().Spec;
        Assert.That((spec.Ports.Length, string.Join(' ', spec.Profiles)), Is.EqualTo((0, "n1")));
    }

    [TestCase("Ports[0].HostPort", "-p 8000-8010:80/tcp")]
    [TestCase("Ports[1].HostPort", "-p 127.0.0.1:8080:80/tcp")]
    [TestCase("Ports[2].HostPort", "-p 53/udp")]
    [TestCase("Ports", "-p")]
    public async Task A_port_that_cannot_be_had_is_said_as_its_user_wrote_it(string path, string option)
    {
        var pools = await Client.CreateNetworkAsync("n1");
        await Client.RunAsync("n1", "e1", pools[0]);
        _docker.Node.Faults.FailAt("dataplane.update", new CalicoException(Problem.AlreadyExists, "port 8080/tcp is web's", path));
        Assert.That(await _docker.RefusedAsync("NetworkDriver.ProgramExternalConnectivity", Body(Ports)),
            Is.EqualTo($"{option}: port 8080/tcp is web's"));
    }

    [TestCase("{}")]
    [TestCase("""{"com.docker.network.portmap":null}""")]
    [TestCase("""{"com.docker.network.portmap":[]}""")]
    public async Task Without_ports_nobody_is_asked(string options)
    {
        _docker.Node.Faults.FailAt("network.find", new CalicoException(Problem.Unavailable, "not now"));
        await _docker.CallAsync("NetworkDriver.ProgramExternalConnectivity", Body(options));
    }

    [Test]
    public async Task What_only_the_host_reaches_opens_nothing()
    {
        var pools = await Client.CreateNetworkAsync("n1");
        await Client.RunAsync("n1", "e1", pools[0]);
        await _docker.CallAsync("NetworkDriver.ProgramExternalConnectivity", Body("""
            {"com.docker.network.portmap":[{"Proto":6,"IP":"","Port":80,"HostIP":"127.0.0.1","HostPort":8080,"HostPortEnd":8080}]}
            """));
        var spec = _docker.Node.Endpoints.Single().Spec;
        Assert.That((spec.Ports.Length, string.Join(' ', spec.Profiles)), Is.EqualTo((1, "n1")));
    }

    [Test]
    public async Task A_port_that_is_null_is_refused_by_its_option() => Assert.That(await _docker.RefusedAsync(
        "NetworkDriver.ProgramExternalConnectivity", Body("""{"com.docker.network.portmap":[null]}""")), Does.Contain("portmap"));

    [TestCase("""[{"Proto":"tcp"}]""")]
    [TestCase("""{"Proto":6}""")]
    [TestCase("""[{"Proto":6,"Port":80,"HostPort":99999999999}]""")]
    public async Task What_is_no_list_of_ports_is_refused(string ports)
    {
        var options = $$"""{"com.docker.network.portmap":{{ports}} }""";
        Assert.That(await _docker.RefusedAsync("NetworkDriver.ProgramExternalConnectivity", Body(options)), Is.Not.Empty);
    }
}
