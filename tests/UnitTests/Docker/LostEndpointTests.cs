using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.Versioning;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>Addresses of endpoints whose containers died with a dockerd that was killed: the next one knows nothing of them.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class LostEndpointTests
{
    private const string Fixed = "10.65.0.77";

    private readonly FakeTimeProvider _time = new();
    private DockerHarness _docker = null!;
    private string _pool = "";

    private DockerClient Client => new(_docker);

    [SetUp]
    public async Task StartAsync()
    {
        _docker = await DockerHarness.StartAsync(_time);
        _pool = (await Client.CreateNetworkAsync("n1"))[0];
    }

    [TearDown]
    public async Task EndAsync() => await _docker.DisposeAsync();

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_fixed_address_is_given_again_at_once(bool isReleasedFirst)
    {
        await Client.RunAsync("n1", "e1", _pool, Fixed);
        LoseLink("e1");
        if (isReleasedFirst)
        {
            await Client.ReleaseAsync(_pool, Fixed);
            Assert.That((_docker.Node.Endpoints.Length, _docker.Node.Leases.Length), Is.EqualTo((0, 0)));
        }

        await Client.RunAsync("n1", "e2", _pool, Fixed);
        Assert.That(_docker.Node.Endpoints.Single().Spec.Id.Endpoint, Is.EqualTo("e2"));
        Assert.That(_docker.Node.Leases.Single().BoundTo!.Value.Endpoint, Is.EqualTo("e2"));
    }

    [Test]
    public async Task An_address_of_another_drivers_container_on_the_same_subnet_is_not_given_again()
    {
        // A network of macvlan with the same subnet asks by the same pool, and no call tells of its endpoint.
        await Client.RequestAddressAsync(_pool, "10.65.0.7");
        _docker.Daemon.Taken = [IPAddress.Parse("10.65.0.7")];
        Assert.That(await Client.RefusedAddressAsync(_pool, "10.65.0.7"), Does.Contain("--ip").And.Contain("a container's already"));
        _docker.Daemon.Taken = [];
        Assert.That(await Client.RequestAddressAsync(_pool, "10.65.0.7"), Is.EqualTo("10.65.0.7/32"), "its dockerd was killed meanwhile");
    }

    [Test]
    public async Task Dockers_own_address_is_given_again_at_once_too()
    {
        await _docker.CallAsync("NetworkDriver.CreateNetwork",
            """{"NetworkID":"n2","IPv4Data":[{"Pool":"172.30.0.0/24","Gateway":"172.30.0.1/24"}]}""");
        await CreateForeignAsync("e1");
        await Client.JoinAsync("n2", "e1");
        Refuse();
        Assert.That(await _docker.RefusedAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n2", "e2", "172.30.0.2/24")),
            Does.Contain("e1 has it"), "one that lives keeps it");
        LoseLink("e1");
        Refuse();
        await CreateForeignAsync("e2");
        Assert.That(_docker.Node.Endpoints.Single().Spec.Id.Endpoint, Is.EqualTo("e2"));

        void Refuse() => _docker.Node.Faults.FailAt("dataplane.prepare", new CalicoException(Problem.AlreadyExists, "e1 has it"));

        Task CreateForeignAsync(string endpoint) =>
            _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n2", endpoint, "172.30.0.2/24"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_port_of_a_lost_one_is_had_at_once_and_of_one_that_lives_not(bool isLost)
    {
        await Client.RunAsync("n1", "e1", _pool, Fixed);
        await Client.RunAsync("n1", "e2", _pool);
        if (isLost)
        {
            LoseLink("e1");
        }

        _docker.Node.Faults.FailAt("dataplane.update",
            new CalicoException(Problem.AlreadyExists, "port 8080/tcp is e1's", "Ports[0].HostPort"));
        const string Body = """
            {"NetworkID":"n1","EndpointID":"e2","Options":{"com.docker.network.portmap":[{"Proto":6,"Port":80,"HostPort":8080}]}}
            """;
        if (isLost)
        {
            await _docker.CallAsync("NetworkDriver.ProgramExternalConnectivity", Body);
        }
        else
        {
            Assert.That(await _docker.RefusedAsync("NetworkDriver.ProgramExternalConnectivity", Body), Does.Contain("e1's"));
        }

        Assert.That(_docker.Node.Endpoints.Select(e => e.Spec.Id.Endpoint), Is.EquivalentTo(isLost ? ["e2"] : (string[])["e1", "e2"]));
    }

    [Test]
    public async Task One_that_lives_keeps_its_address_whoever_asks_or_releases()
    {
        await Client.RunAsync("n1", "e1", _pool, Fixed);
        Assert.That(await Client.RefusedAddressAsync(_pool, Fixed), Does.Contain(Fixed));
        await Client.ReleaseAsync(_pool, Fixed);
        Assert.That(_docker.Node.Leases.Single().BoundTo!.Value.Endpoint, Is.EqualTo("e1"));
    }

    [Test]
    public async Task One_that_is_about_to_join_has_no_link_yet_and_keeps_its_address()
    {
        var address = await Client.RequestAddressAsync(_pool, Fixed);
        await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", address));
        // What dockerd does for the loser of a race for the address.
        await Client.ReleaseAsync(_pool, Fixed);
        Assert.That(await Client.RefusedAddressAsync(_pool, Fixed), Does.Contain(Fixed));
        await Client.JoinAsync("n1", "e1");
        Assert.That(_docker.Node.Leases.Single().BoundTo!.Value.Endpoint, Is.EqualTo("e1"));
    }

    [Test]
    public async Task A_release_that_comes_for_the_lost_one_after_all_is_not_its_successors()
    {
        await Client.RunAsync("n1", "e1", _pool, Fixed);
        LoseLink("e1");
        await Client.RequestAddressAsync(_pool, Fixed);
        await _docker.CallAsync("NetworkDriver.DeleteEndpoint", """{"NetworkID":"n1","EndpointID":"e1"}""");
        await Client.ReleaseAsync(_pool, Fixed);
        Assert.That(_docker.Node.Leases.Select(l => $"{l.Address}"), Is.EqualTo(new[] { Fixed }), "it is promised to the next container");
    }

    [Test]
    public async Task One_whose_join_never_came_is_over_when_somebody_wants_its_address()
    {
        var address = await Client.RequestAddressAsync(_pool, Fixed);
        await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", address));
        _time.Advance(_docker.Settings.ForgottenAfter);
        await Client.RunAsync("n1", "e2", _pool, Fixed);
        Assert.That(_docker.Node.Endpoints.Single().Spec.Id.Endpoint, Is.EqualTo("e2"));
    }

    private void LoseLink(string endpoint) =>
        _docker.Node.LoseLink(_docker.Node.Endpoints.Single(e => e.Spec.Id.Endpoint == endpoint).Attachment.HostInterface);
}
