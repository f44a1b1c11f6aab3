using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.Versioning;
using Calico.Plugins.Docker;
using Calico.Plugins.Docker.Daemon;
using NUnit.Framework;

namespace Calico.UnitTests.Docker;

/// <summary>What is asked of dockerd, how often, and what its answers are taken for.</summary>
[TestFixture]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class DockerApiTests
{
    private FakeDockerApi _dockerd = null!;
    private DockerApi _api = null!;

    [SetUp]
    public void Start()
    {
        _dockerd = new();
        _api = new(new DockerSettings { Daemon = _dockerd.Uri });
        _dockerd.Answers["/info"] = """{"ID":"AAAA","DockerRootDir":"/var/lib/docker"}""";
        _dockerd.Answers["/containers/json"] = """[{"Id":"c1","Names":["/web"],"Labels":{"a":"b"}}]""";
        foreach (var n in new[] { 1, 2, 3 })
        {
            _dockerd.Answers[$"/networks/n{n}"] = Network(n);
        }

        var dockers = Network(3).Replace("calico-ipam", "default", StringComparison.Ordinal);
        _dockerd.Answers["/networks"] = $"[{Network(1)},{Network(2)},{dockers}]";
    }

    [TearDown]
    public async Task EndAsync() => await _dockerd.DisposeAsync();

    [Test]
    public async Task Containers_are_listed_once_for_all_networks_and_not_at_all_for_their_endpoints_ids()
    {
        var found = await _api.FindNetworksAsync(["n1", "n2", "gone", "n3"], CancellationToken.None);
        Assert.That(found.Select(n => n.Id), Is.EqualTo(new[] { "n1", "n2", "n3" }));
        Assert.That(_dockerd.Asked.Count(p => p.EndsWith("/containers/json", StringComparison.Ordinal)), Is.EqualTo(1));
        var web = found[1].Endpoints.Single();
        Assert.That((web.EndpointId, web.ContainerName, web.Labels["a"], web.NetworkName), Is.EqualTo(("e2", "web", "b", "net2")));
        Assert.That((found[1].IsInternal, found[1].HasDockersIpam), Is.EqualTo((true, false)));
        Assert.That(found[1].Subnets.Single(), Is.EqualTo(("10.2.0.0/24", (string?)null)));

        _dockerd.Asked.Clear();
        var ids = await _api.ListEndpointIdsAsync(["n1", "gone", "n3"], CancellationToken.None);
        Assert.That(ids.Select(n => $"{n.Key}:{string.Join(',', n.Value)}"), Is.EqualTo(new[] { "n1:e1", "n3:e3" }));
        Assert.That(_dockerd.Asked, Has.None.Contains("/containers"));
    }

    [Test]
    public async Task Addresses_of_networks_with_another_IPAM_driver_than_Dockers_are_taken()
    {
        var taken = await _api.ListTakenAsync(CancellationToken.None);
        string[] expected = ["10.1.0.1", "10.1.0.7", "10.1.0.9", "10.2.0.1", "10.2.0.7", "10.2.0.9"];
        Assert.That(taken.Select(a => $"{a}"), Is.EquivalentTo(expected));
    }

    [Test]
    public async Task A_daemon_is_known_by_its_data_and_by_the_process_that_listens()
    {
        var first = await _api.IdentifyAsync(CancellationToken.None);
        Assert.That(first.Id, Is.EqualTo("AAAA /var/lib/docker"));
        Assert.That(first.Process, Does.StartWith(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + " "));
    }

    [Test]
    public async Task The_stream_says_when_it_stands_and_not_before()
    {
        await using var events = _api.WatchAsync(DateTimeOffset.UnixEpoch, CancellationToken.None).GetAsyncEnumerator();
        var stands = events.MoveNextAsync().AsTask();
        await UntilAsync(() => _dockerd.Asked.Any(p => p.EndsWith("/events", StringComparison.Ordinal)));
        Assert.That(stands.IsCompleted, Is.False);
        _dockerd.EventsMayStand.SetResult();
        Assert.That((await stands.WaitAsync(TimeSpan.FromSeconds(30)), events.Current), Is.EqualTo((true, "")));

        await _dockerd.TellAsync("""{"Type":"network","Action":"connect","Actor":{"ID":"n7"}}""");
        Assert.That((await events.MoveNextAsync(), events.Current), Is.EqualTo((true, "n7")));
        await _dockerd.TellAsync("""{"Type":"container","Action":"rename","Actor":{"ID":"c1"}}""");
        Assert.That((await events.MoveNextAsync(), events.Current), Is.EqualTo((true, "")));
        await _dockerd.EndEventsAsync();
        Assert.That(await events.MoveNextAsync(), Is.False);
    }

    [Test]
    public async Task What_cannot_be_read_is_the_daemons_failure()
    {
        _dockerd.EventsMayStand.SetResult();
        await using var events = _api.WatchAsync(DateTimeOffset.UnixEpoch, CancellationToken.None).GetAsyncEnumerator();
        await events.MoveNextAsync();
        await _dockerd.TellAsync("{");
        Assert.That(async () => await events.MoveNextAsync(), Throws.TypeOf<DaemonException>());
        _dockerd.Answers["/networks/n1"] = "nonsense";
        Assert.That(async () => await _api.FindNetworksAsync(["n1"], CancellationToken.None), Throws.TypeOf<DaemonException>());
    }

    private static string Network(int n) => $$"""
        {"Name":"net{{n}}","Id":"n{{n}}","Driver":"calico","Internal":{{(n == 2 ? "true" : "false")}},"Options":{"x":"y"},
         "IPAM":{"Driver":"calico-ipam","Config":[
           {"Subnet":"10.{{n}}.0.0/24","Gateway":"10.{{n}}.0.1","AuxiliaryAddresses":{"r":"10.{{n}}.0.7"} } ]},
         "Containers":{"c1":{"Name":"web","EndpointID":"e{{n}}","IPv4Address":"10.{{n}}.0.9/32","IPv6Address":""} } }
        """;

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
