using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.Versioning;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Endpoints;
using Calico.Plugins.Docker.Networks;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>What the adapter tells the host of what dockerd runs.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class LiveContainersTests
{
    private readonly FakeTimeProvider _time = new();
    private DockerHarness _docker = null!;
    private string _pool = "";

    private DockerClient Client => new(_docker);

    private TimeSpan Forgotten => _docker.Settings.ForgottenAfter;

    [SetUp]
    public async Task StartAsync()
    {
        _docker = await DockerHarness.StartAsync(_time);
        _pool = (await Client.CreateNetworkAsync("n1"))[0];
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n1", "e2", _pool);
    }

    [TearDown]
    public async Task EndAsync() => await _docker.DisposeAsync();

    [Test]
    public async Task One_that_dockerd_lists_its_network_without_is_named_until_its_time_is_over_and_then_ended_although_its_link_stands()
    {
        Lists("n1", "e2");
        Assert.That(await NamedAsync(TimeSpan.Zero), Is.EqualTo("e1 e2"), "a look tells nothing");
        Assert.That(await NamedAsync(Forgotten - TimeSpan.FromSeconds(1)), Is.EqualTo("e1 e2"));
        Assert.That(await NamedAsync(TimeSpan.FromSeconds(1)), Is.EqualTo("e2"));
        // As the host does.
        await _docker.Node.Network.CollectAsync("n1", await AskAsync(), CancellationToken.None);
        Assert.That(_docker.Node.Endpoints.Select(e => e.Spec.Id.Endpoint), Is.EqualTo(new[] { "e2" }));
        Assert.That((_docker.Node.Links.Length, _docker.Node.Leases.Length), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task One_that_is_listed_again_begins_anew_and_a_daemon_that_is_away_knows_nothing()
    {
        Lists("n1", "e2");
        await NamedAsync(TimeSpan.Zero);
        _docker.Daemon.IsAway = true;
        _time.Advance(Forgotten);
        Assert.That((await AskAsync()).Complete, Is.False);
        _docker.Daemon.IsAway = false;
        Assert.That(await NamedAsync(TimeSpan.Zero), Is.EqualTo("e1 e2"), "not since before it was away");
        Lists("n1", "e1", "e2");
        Assert.That(await NamedAsync(Forgotten), Is.EqualTo("e1 e2"));
        Lists("n1", "e2");
        Assert.That(await NamedAsync(TimeSpan.Zero), Is.EqualTo("e1 e2"), "a new absence");
    }

    [Test]
    public async Task Endpoints_and_leases_of_another_daemon_are_named_whatever_this_one_lists()
    {
        var other = (await Client.CreateNetworkAsync("n2", ["10.65.0.128/25"]))[0];
        await Client.RunAsync("n2", "o1", other);
        var (lost, theirs) = (await Client.RequestAddressAsync(_pool), await Client.RequestAddressAsync(other));
        // The one that can be asked has n1 alone; n2 is another's.
        Lists("n1", "e1");
        await NamedAsync(TimeSpan.Zero);
        Assert.That(await NamedAsync(Forgotten), Is.EqualTo("e1 o1"));
        var report = await AskAsync();
        Assert.That(report.Addresses.Select(a => $"{a}"), Is.EqualTo(new[] { theirs.Split('/')[0] }), $"and {lost} may go by its age");
        var book = _docker.Get<NetworkBook>();
        await book.PutAsync(book.Find("n2")! with { WitnessedBy = "daemon-2" }, CancellationToken.None);
        Assert.That(await NamedAsync(Forgotten), Is.EqualTo("e1 o1"));
    }

    [Test]
    public async Task Addresses_that_dockerd_says_it_has_are_named()
    {
        Lists("n1", "e1", "e2");
        _docker.Daemon.Taken = [IPAddress.Parse("10.65.0.200")];
        var report = await AskAsync();
        Assert.That((report.Complete, string.Join(' ', report.Addresses)), Is.EqualTo((true, "10.65.0.200")));
    }

    [Test]
    public async Task Where_nothing_is_ofDocker_nobody_is_asked_and_where_a_network_is_somebody_has_to_answer()
    {
        _docker.Daemon.IsAway = true;
        Assert.That((await AskAsync()).Complete, Is.False);
        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        var report = await AskAsync();
        Assert.That((report.Complete, report.Endpoints.Length, report.Addresses.Length), Is.EqualTo((true, 0, 0)));
    }

    private void Lists(string network, params string[] endpoints) => _docker.Daemon.Endpoints[network] =
        [.. endpoints.Select(id =>
            new ContainerEndpoint(id, "blue", $"id-{id}", $"c-{id}", ImmutableSortedDictionary<string, string>.Empty))];

    private Task<LiveReport> AskAsync() => _docker.Get<ILiveWorkloads>().ListLiveAsync(CancellationToken.None);

    private async Task<string> NamedAsync(TimeSpan later)
    {
        _time.Advance(later);
        var report = await AskAsync();
        Assert.That(report.Complete, Is.True);
        Assert.That(report.Endpoints, Is.All.Matches<(WorkloadEndpointId Id,
            string Instance)>(e => e.Id == EndpointCalls.IdOf(e.Instance)));
        return string.Join(' ', report.Endpoints.Select(e => e.Instance).Order(StringComparer.Ordinal));
    }
}
