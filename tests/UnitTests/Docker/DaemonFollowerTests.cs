using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Runtime.Versioning;
using Calico.Host.Health;
using Calico.Plugins.Docker.Daemon;
using Calico.TestKit.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>Names and labels of containers, which no call of dockerd's brings.</summary>
[TestFixture, Parallelizable]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class DaemonFollowerTests
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
    public async Task Labels_come_after_the_join_and_end_the_waiting_for_them()
    {
        await Client.RunAsync("n1", "e1", _pool);
        Assert.That(SpecOf("e1").LabelsPending, Is.True);
        Has("n1", Endpoint("e1", ("org.projectcalico.label.tier", "front"), ("com.docker.compose.project", "shop"), ("maintainer", "x")));
        Assert.That(await Follower.FollowAsync("n1", CancellationToken.None), Is.EqualTo(1));
        Assert.That(SpecOf("e1").LabelsPending, Is.False);
        Assert.That(SpecOf("e1").Labels.Select(l => $"{l.Key}={l.Value}"), Is.EquivalentTo(new[]
        {
            "tier=front", "com.docker.compose.project=shop", "docker.network=blue", "docker.container=c-e1",
        }));
        Assert.That(SpecOf("e1").Facts["containerID"], Is.EqualTo("id-e1"));
        Assert.That(SpecOf("e1").Facts["name"], Is.EqualTo("c-e1"));
    }

    [Test]
    public async Task The_time_from_the_join_to_the_labels_is_a_metric()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n1", "e2", _pool);
        Has("n1", Endpoint("e1"));
        Assert.That(await MetricsAsync(), Does.Contain("calico_docker_unlabelled_endpoints 2"));
        await Follower.FollowAsync("n1", CancellationToken.None);
        Has("n1", Endpoint("e1") with { ContainerName = "other" });
        await Follower.FollowAsync("n1", CancellationToken.None);
        Assert.That(await MetricsAsync(), Does.Contain("calico_docker_label_seconds_count 1")
            .And.Contain("calico_docker_unlabelled_endpoints 1"), "a new name is no start");
        await _docker.CallAsync("NetworkDriver.DeleteEndpoint", """{"NetworkID":"n1","EndpointID":"e2"}""");
        await Follower.FollowAsync("n1", CancellationToken.None);
        Assert.That(await MetricsAsync(), Does.Contain("calico_docker_unlabelled_endpoints 0"));
    }

    [Test]
    public async Task What_has_not_changed_is_not_written_again_and_a_new_name_is()
    {
        await Client.RunAsync("n1", "e1", _pool);
        Has("n1", Endpoint("e1"));
        await Follower.FollowAsync("n1", CancellationToken.None);
        Assert.That(await Follower.FollowAsync("n1", CancellationToken.None), Is.Zero);
        Has("n1", Endpoint("e1") with { ContainerName = "other" });
        Assert.That(await Follower.FollowAsync("n1", CancellationToken.None), Is.EqualTo(1));
        Assert.That(SpecOf("e1").Labels["docker.container"], Is.EqualTo("other"));
    }

    [Test]
    public async Task What_cannot_be_a_label_is_left_out_and_keeps_nothing_else()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n1", "e2", _pool);
        Has("n1", Endpoint("gone"), Endpoint("e1", ("org.projectcalico.label.", "x"), ("org.projectcalico.label.a", "no way"),
            ("org.projectcalico.label.b/c/d", "x"), ("org.projectcalico.label.ok", "yes")), Endpoint("e2"));
        Assert.That(await Follower.FollowAsync("n1", CancellationToken.None), Is.EqualTo(2));
        Assert.That(SpecOf("e1").Labels.Keys, Is.EquivalentTo(new[] { "ok", "docker.network", "docker.container" }));
    }

    [Test]
    public async Task An_endpoint_that_no_container_has_yet_waits()
    {
        await Client.RunAsync("n1", "e1", _pool);
        Has("n1", Endpoint("e1") with { ContainerId = "", ContainerName = "" });
        Assert.That(await Follower.FollowAsync("n1", CancellationToken.None), Is.Zero);
        Assert.That(SpecOf("e1").LabelsPending, Is.True);
    }

    [Test]
    public async Task A_network_with_labels_off_never_waits()
    {
        var pool = (await Client.CreateNetworkAsync("n2", options: """{"labels":"off"}"""))[0];
        await Client.RunAsync("n2", "e1", pool);
        Assert.That(SpecOf("e1").LabelsPending, Is.False);
    }

    [Test]
    public async Task A_daemon_that_is_away_is_told_and_everything_is_listed_when_it_is_back()
    {
        await Client.RunAsync("n1", "e1", _pool);
        _docker.Daemon.IsAway = true;
        await Follower.StartAsync(CancellationToken.None);
        await UntilAsync(() => _docker.Lifetime.Reports.TryGetValue("dockerd events", out var report) && !report.Ok);

        Has("n1", Endpoint("e1"));
        _docker.Daemon.IsAway = false;
        await UntilAsync(() => !SpecOf("e1").LabelsPending);
        Assert.That(_docker.Lifetime.Reports["dockerd events"].Ok, Is.True);

        await Client.RunAsync("n1", "e2", _pool);
        Has("n1", Endpoint("e1"), Endpoint("e2"));
        _docker.Daemon.Tell("n1");
        await UntilAsync(() => !SpecOf("e2").LabelsPending);

        _docker.Daemon.Stop();
        await UntilAsync(() => !_docker.Lifetime.Reports["dockerd events"].Ok);
        await Client.RunAsync("n1", "e3", _pool);
        Has("n1", Endpoint("e1"), Endpoint("e2"), Endpoint("e3"));
        _docker.Daemon.IsAway = false;
        await UntilAsync(() => !SpecOf("e3").LabelsPending);
        await Follower.StopAsync(CancellationToken.None);
    }

    [Test]
    public async Task Without_a_network_no_daemon_is_missed_and_with_the_first_it_is_followed()
    {
        await _docker.CallAsync("NetworkDriver.DeleteNetwork", """{"NetworkID":"n1"}""");
        _docker.Daemon.IsAway = true;
        await Follower.StartAsync(CancellationToken.None);
        Assert.That(_docker.Lifetime.Reports.ContainsKey("dockerd events"), Is.False);
        await Client.CreateNetworkAsync("n2");
        await UntilAsync(() => _docker.Lifetime.Reports.TryGetValue("dockerd events", out var report) && !report.Ok);
        _docker.Daemon.IsAway = false;
        await UntilAsync(() => _docker.Lifetime.Reports["dockerd events"].Ok);
        await Follower.StopAsync(CancellationToken.None);
    }

    [Test]
    public async Task What_happens_before_the_stream_stands_is_listed_when_it_does()
    {
        await Client.RunAsync("n1", "e1", _pool);
        Has("n1");
        // dockerd connects the container between a list and the stream, and its buffer of events has gone over it since.
        _docker.Daemon.BeforeStream = () =>
        {
            Has("n1", Endpoint("e1"));
            return Task.CompletedTask;
        };
        await Follower.StartAsync(CancellationToken.None);
        await UntilAsync(() => !SpecOf("e1").LabelsPending);
        await Follower.StopAsync(CancellationToken.None);
    }

    [Test]
    public async Task A_label_whose_write_fails_is_tried_again_without_a_new_event()
    {
        await Client.RunAsync("n1", "e1", _pool);
        Has("n1", Endpoint("e1"));
        _docker.Node.Faults.FailAt("dataplane.update", new CalicoException(Problem.Refused, "not now"));
        await Follower.StartAsync(CancellationToken.None);
        await UntilAsync(() => !SpecOf("e1").LabelsPending);
        Assert.That(_docker.Node.Faults.Passed.Count(p => p == "dataplane.update"), Is.EqualTo(2));
        await Follower.StopAsync(CancellationToken.None);
    }

    [Test]
    public async Task An_endpoint_whose_update_hangs_holds_up_no_other()
    {
        await Client.RunAsync("n1", "e1", _pool);
        await Client.RunAsync("n1", "e2", _pool);
        Has("n1", Endpoint("e1"), Endpoint("e2"));
        using var hanging = new SemaphoreSlim(0);
        var first = 0;
        _docker.Node.Faults.Passing = point =>
        {
            if (point == "dataplane.update" && Interlocked.Increment(ref first) == 1)
            {
                hanging.Wait(TimeSpan.FromSeconds(30));
            }
        };
        var following = Task.Run(() => Follower.FollowAsync("n1", CancellationToken.None));
        await UntilAsync(() => _docker.Node.Endpoints.Count(e => !e.Spec.LabelsPending) == 1);
        hanging.Release();
        Assert.That(await following, Is.EqualTo(2));
    }

    private Task<string> MetricsAsync() => ((HostMeters)_docker.Get<IMeterFactory>()).WriteAsync(CancellationToken.None);

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
