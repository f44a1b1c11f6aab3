using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.Versioning;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Networks;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>Networks that this node was not told of, or has forgotten.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class UnknownNetworkTests
{
    private DockerHarness _docker = null!;
    private string _pool = "";

    private DockerClient Client => new(_docker);

    private DaemonFollower Follower => _docker.Get<DaemonFollower>();

    [SetUp]
    public async Task StartAsync()
    {
        _docker = await DockerHarness.StartAsync();
        _pool = (await Client.CreateNetworkAsync("n1"))[0];
    }

    [TearDown]
    public async Task EndAsync() => await _docker.DisposeAsync();

    [Test]
    public async Task A_network_that_is_not_in_the_book_is_asked_for_and_keeps_what_it_was_made_with()
    {
        var address = await Client.RequestAddressAsync(_pool);
        await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n9", "e9", address));
        Assert.That(_docker.Node.MadeProfiles["n9"].Internal, Is.True, "unknown: closed");
        Has("n9", Endpoint("e9"));
        _docker.Daemon.Networks["n9"] = new()
        {
            Id = "n9", Name = "red", IsInternal = false,
            Options = ImmutableSortedDictionary<string, string>.Empty.Add("com.docker.network.driver.mtu", "1410"),
            Subnets = [("10.65.0.0/24", "10.65.0.64/26")],
        };
        await Follower.StartAsync(CancellationToken.None);
        await UntilAsync(() => !SpecOf("e9").LabelsPending);
        Assert.That(_docker.Node.MadeProfiles["n9"].Internal, Is.False, "dockerd knows");
        await Follower.StopAsync(CancellationToken.None);
        await RestartAsync();
        var known = _docker.Get<NetworkBook>().Find("n9")!;
        var pool = $"{DockerClient.Space}|10.65.0.0/24|10.65.0.64/26";
        Assert.That((known.Mtu, known.IsInternal, known.PoolIds.Single()), Is.EqualTo((1410, false, pool)));
    }

    [Test]
    public async Task A_document_that_cannot_be_read_opens_no_internal_network_and_is_written_anew()
    {
        var pool = (await Client.CreateNetworkAsync("n2", isInternal: true))[0];
        await _docker.Node.State.CommitAsync(StateScope.Node, [new("networks/n2", "{"u8.ToArray())], CancellationToken.None);
        await _docker.RestartAsync();
        await Client.RunAsync("n2", "e2", pool);
        Assert.That(_docker.Node.MadeProfiles["n2"].Internal, Is.True);
        Has("n2", Endpoint("e2"));
        _docker.Daemon.Networks["n2"] = new() { Id = "n2", Name = "inside", IsInternal = true, Subnets = [("0.0.0.0/0", null)] };
        await Follower.StartAsync(CancellationToken.None);
        await UntilAsync(() => !SpecOf("e2").LabelsPending);
        await Follower.StopAsync(CancellationToken.None);
        await RestartAsync();
        Assert.That(_docker.Get<NetworkBook>().Find("n2"), Is.Not.Null.And.Property("IsInternal").True);
    }

    [Test]
    public async Task A_network_that_dockerd_does_not_know_either_is_said_and_one_that_is_deleted_is_not_taken_up_again()
    {
        var address = await Client.RequestAddressAsync(_pool);
        await _docker.CallAsync("NetworkDriver.CreateEndpoint", DockerClient.EndpointBody("n9", "e9", address));
        await Follower.StartAsync(CancellationToken.None);
        await UntilAsync(() => _docker.Lifetime.Reports.TryGetValue("unknown networks", out var report) && !report.Ok);
        Assert.That(_docker.Lifetime.Reports["unknown networks"].Reason, Does.Contain("n9"));
        await _docker.CallAsync("NetworkDriver.DeleteEndpoint", """{"NetworkID":"n9","EndpointID":"e9"}""");
        _docker.Daemon.Tell("");
        await UntilAsync(() => _docker.Lifetime.Reports["unknown networks"].Ok);

        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        Has("n1");
        _docker.Daemon.Tell("n1");
        await _docker.Get<DaemonFollower>().FollowAsync("n1", CancellationToken.None);
        Assert.That(_docker.Get<NetworkBook>().Find("n1"), Is.Null);
        await Follower.StopAsync(CancellationToken.None);
    }

    /// <summary>It serves when it has read what it knew.</summary>
    private async Task RestartAsync()
    {
        await _docker.RestartAsync();
        await _docker.CallAsync("Plugin.Activate", "");
    }

    private void Has(string network, params ContainerEndpoint[] endpoints) => _docker.Daemon.Endpoints[network] = [.. endpoints];

    private static ContainerEndpoint Endpoint(string id, params (string Key, string Value)[] labels) =>
        new(id, "blue", $"id-{id}", $"c-{id}", labels.ToImmutableSortedDictionary(l => l.Key, l => l.Value));

    private EndpointSpec SpecOf(string endpoint) => _docker.Node.Endpoints.Single(e => e.Spec.Id.Endpoint == endpoint).Spec;

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
