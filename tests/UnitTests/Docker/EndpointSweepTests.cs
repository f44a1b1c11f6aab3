using System.Diagnostics.CodeAnalysis;
using System.Runtime.Versioning;
using Calico.Plugins.Docker.Endpoints;
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
    public async Task The_profile_of_a_network_that_went_first_goes_with_its_last_endpoint()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await LoseLinkAsync("e1");
        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        Assert.That(_docker.Node.MadeProfiles, Is.Not.Empty);
        await SweepAsync(TimeSpan.Zero);
        await SweepAsync(_docker.Settings.ForgottenAfter);
        Assert.That(_docker.Node.MadeProfiles, Is.Empty);
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

    /// <summary>Its container's namespace died: what the host then shows.</summary>
    private Task LoseLinkAsync(string endpoint) =>
        _docker.Node.Dataplane.DetachAsync(EndpointCalls.IdOf(endpoint), endpoint, CancellationToken.None);

    private Task<int> SweepAsync(TimeSpan later)
    {
        _time.Advance(later);
        return _docker.Get<EndpointSweep>().SweepAsync(CancellationToken.None);
    }
}
