using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.Versioning;
using Calico.Plugins.Docker.Endpoints;
using Calico.Plugins.Docker.Networks;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>What becomes of endpoints that dockerd forgot.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class EndpointSweepTests
{
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

    [Test]
    public async Task One_whose_link_is_gone_is_ended_after_its_time_and_its_address_is_free()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n1", "e2", _pool);
        await LoseLinkAsync("e1");
        Assert.That(await SweepAsync(TimeSpan.Zero), Is.Zero, "a look tells nothing");
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter - TimeSpan.FromSeconds(1)), Is.Zero);
        Assert.That(await SweepAsync(TimeSpan.FromSeconds(1)), Is.EqualTo(1));
        Assert.That(_docker.Node.Endpoints.Select(e => e.Spec.Id.Endpoint), Is.EqualTo(new[] { "e2" }));
        Assert.That(_docker.Node.Leases, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_network_that_goes_takes_along_what_dockerd_forgot_of_it()
    {
        var other = (await Client.CreateNetworkAsync("n2"))[0];
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n2", "e2", other);
        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        Assert.That(_docker.Node.Endpoints.Select(e => e.Spec.Id.Endpoint), Is.EqualTo(new[] { "e2" }));
        Assert.That(_docker.Node.MadeProfiles.Keys, Is.EqualTo(new[] { "n2" }));
        Assert.That((_docker.Node.Links.Length, _docker.Node.Leases.Length), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task One_that_is_joined_meanwhile_begins_anew()
    {
        var address = await Client.RequestAddressAsync(_pool);
        await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n1", "e1", address));
        Assert.That(await SweepAsync(TimeSpan.Zero), Is.Zero);
        await Client.JoinAsync("n1", "e1");
        Assert.That(await SweepAsync(TimeSpan.FromHours(1)), Is.Zero);
        await LoseLinkAsync("e1");
        Assert.That(await SweepAsync(TimeSpan.Zero), Is.Zero);
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter), Is.EqualTo(1));
    }

    [Test]
    public async Task One_whose_link_stands_is_not_its_business_and_a_daemon_that_is_away_keeps_none_without_a_link()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n1", "e2", _pool);
        _docker.Daemon.Endpoints["n1"] = [];
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter), Is.Zero, "the host ends what the report does not name");
        await LoseLinkAsync("e1");
        _docker.Daemon.IsAway = true;
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter), Is.EqualTo(1));
        Assert.That(_docker.Node.Endpoints.Select(e => e.Spec.Id.Endpoint), Is.EqualTo(new[] { "e2" }));
    }

    [Test]
    public async Task Another_daemon_than_the_one_that_calls_is_not_believed()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(TimeSpan.FromHours(1)), Is.Zero, "it has none of our networks");
        Assert.That((_docker.Node.Endpoints.Length, _docker.Node.MadeProfiles.Count), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task A_network_that_dockerd_never_heard_of_is_ended_and_one_with_endpoints_is_not()
    {
        await Client.CreateNetworkAsync("n2");
        var pool = (await Client.CreateNetworkAsync("n3"))[0];
        await Client.RunAsync("n3", "e1", pool);
        _docker.Daemon.Endpoints["n1"] = [];
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter), Is.EqualTo(1));
        Assert.That(_docker.Node.MadeProfiles.Keys, Is.EquivalentTo(new[] { "n1", "n3" }));
    }

    [Test]
    public async Task A_pool_that_is_another_drivers_gives_addresses_that_no_age_collects()
    {
        var asked = await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody("10.65.0.0/24"), isIpam: true);
        var pool = (string)asked["PoolID"]!;
        await Client.RequestAddressAsync(pool);
        Assert.That(_docker.Node.Leases.Single().Purpose, Is.EqualTo(LeasePurpose.Foreign));
        await Client.CreateNetworkAsync("n9", ["10.65.0.0/24"]);
        Assert.That(_docker.Node.Leases.Select(l => l.Purpose), Is.EqualTo(new[] { LeasePurpose.Foreign }), "it stays what it was");
        await Client.RequestAddressAsync(pool);
        Assert.That(_docker.Node.Leases.Count(l => l.Purpose == LeasePurpose.Endpoint), Is.EqualTo(1));
    }

    [Test]
    public async Task One_that_cannot_be_ended_is_told_keeps_no_other_and_is_tried_again()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n1", "e2", _pool);
        await LoseLinkAsync("e1");
        await LoseLinkAsync("e2");
        await SweepAsync(TimeSpan.Zero);
        _docker.Node.Faults.FailAt("dataplane.remove", new CalicoException(Problem.Refused, "not now"));
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter), Is.EqualTo(1));
        Assert.That(_docker.Lifetime.Reports["forgotten endpoints"].Reason, Does.Contain("not now"));
        Assert.That(await SweepAsync(TimeSpan.Zero), Is.EqualTo(1));
        Assert.That(_docker.Lifetime.Reports["forgotten endpoints"], Is.EqualTo((true, "")));
        Assert.That(_docker.Node.Endpoints, Is.Empty);
    }

    [Test]
    public async Task Nothing_of_one_daemon_is_ended_on_the_word_of_another()
    {
        await Client.CreateNetworkAsync("n2");
        var book = _docker.Get<NetworkBook>();
        // A second daemon, which nobody can ask, has made it, and never used it.
        await book.PutAsync(book.Find("n2")! with { Maker = "4711 1 another" }, CancellationToken.None);
        _docker.Daemon.Endpoints["n1"] = [];
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(TimeSpan.FromHours(1)), Is.Zero, "its process is not this daemon's");
        await book.PutAsync(book.Find("n2")! with { WitnessedBy = "daemon-2" }, CancellationToken.None);
        Assert.That(await SweepAsync(TimeSpan.FromHours(1)), Is.Zero, "another has listed it");

        _docker.Daemon.Endpoints["n2"] = [];
        await SweepAsync(TimeSpan.Zero);
        _docker.Daemon.Endpoints.TryRemove("n2", out _);
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter), Is.EqualTo(1), "this one has, and lists it no more");
        Assert.That(_docker.Node.MadeProfiles.Keys, Is.EqualTo(new[] { "n1" }));
    }

    [Test]
    public async Task A_network_that_is_deleted_while_it_is_witnessed_does_not_come_back()
    {
        var book = _docker.Get<NetworkBook>();
        var before = book.Find("n1")!;
        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        await book.WitnessAsync(before, "daemon-1", CancellationToken.None);
        Assert.That(book.Find("n1"), Is.Null);
        Assert.That(await _docker.Node.State.ListAsync(StateScope.Node, "networks/", CancellationToken.None), Is.Empty);
    }

    [Test]
    public async Task A_daemon_that_has_lost_all_its_networks_is_believed_of_those_that_it_had()
    {
        _docker.Daemon.Endpoints["n1"] = [];
        await SweepAsync(TimeSpan.Zero);
        _docker.Daemon.Endpoints.Clear();
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter), Is.EqualTo(1));
        Assert.That(_docker.Node.MadeProfiles, Is.Empty);
    }

    [Test]
    public async Task Gateways_and_auxiliary_addresses_of_a_network_that_never_came_are_freed()
    {
        _docker.Daemon.Endpoints["n1"] = [];
        var asked = await _docker.CallAsync("IpamDriver.RequestPool", DockerClient.PoolBody("10.65.0.0/25"), isIpam: true);
        var pool = (string)asked["PoolID"]!;
        const string Gateway = """{"RequestAddressType":"com.docker.network.gateway"}""";
        foreach (var gateway in (string[])["10.65.0.1", "10.65.0.2"])
        {
            await _docker.CallAsync("IpamDriver.RequestAddress", DockerClient.AddressBody(pool, gateway, Gateway), isIpam: true);
        }

        await Client.RequestAddressAsync(pool, "10.65.0.5");
        await Client.RequestAddressAsync(pool, "10.65.0.6");
        // Another network driver's network took these: no call tells of it.
        _docker.Daemon.Taken = [IPAddress.Parse("10.65.0.2"), IPAddress.Parse("10.65.0.6")];
        Assert.That(await SweepAsync(TimeSpan.Zero), Is.Zero);
        Assert.That(await SweepAsync(_docker.Settings.ForgottenAfter - TimeSpan.FromSeconds(1)), Is.Zero);
        Assert.That(await SweepAsync(TimeSpan.FromSeconds(1)), Is.EqualTo(2));
        Assert.That(_docker.Node.Leases.Select(l => $"{l.Address}"), Is.EquivalentTo(new[] { "10.65.0.2", "10.65.0.6" }));
    }

    [Test]
    public async Task A_gateway_stays_with_its_network_and_nothing_is_freed_while_no_daemon_is_known()
    {
        const string Gateway = """{"RequestAddressType":"com.docker.network.gateway"}""";
        await _docker.CallAsync("IpamDriver.RequestAddress", DockerClient.AddressBody(_pool, "10.65.0.1", Gateway), isIpam: true);
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(TimeSpan.FromHours(1)), Is.Zero);
        _docker.Daemon.Endpoints["n1"] = [];
        await SweepAsync(TimeSpan.Zero);
        Assert.That(await SweepAsync(TimeSpan.FromHours(1)), Is.Zero, "n1 has that pool");
        Assert.That(_docker.Node.Leases, Has.Length.EqualTo(1));
    }

    /// <summary>Its container's namespace died: what the host then shows.</summary>
    private Task LoseLinkAsync(string endpoint) =>
        _docker.Node.Dataplane.DetachAsync(EndpointCalls.IdOf(endpoint), endpoint, CancellationToken.None);

    private Task<int> SweepAsync(TimeSpan later)
    {
        _time.Advance(later);
        return _docker.Get<EndpointSweep>().SweepAsync(CancellationToken.None);
    }
}
