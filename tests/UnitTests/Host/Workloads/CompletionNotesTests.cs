using Calico.Host.Workloads;
using Calico.TestKit.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>When the node log learns that an endpoint is complete.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CompletionNotesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryNodeLog _log = new();

    [Test]
    public async Task S12_notes_wait_for_each_other_and_for_no_answer()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var notes = new CompletionNotes(host.Connector.Book, _log, _time, NullLogger.Instance, CancellationToken.None);
        var writing = notes.Add(await ConnectAsync(host, "a"));
        Assert.That(notes.Add(await ConnectAsync(host, "b")), Is.Null, "it is taken along");
        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.That(_log.Commits, Is.Zero);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await writing!;
        Assert.That(_log.List(EndpointRecord.Section).Select(e => EndpointRecord.Read(e.Key, e.Value))
            .Select(r => (r.Workload, r.Complete)),
            Is.EquivalentTo(new[] { ("a", true), ("b", true) }));

        var next = notes.Add(await ConnectAsync(host, "c"));
        Assert.That(next, Is.Not.Null);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        await next!;
        Assert.That(_log.Commits, Is.EqualTo(3));
    }

    [Test]
    public async Task S12_a_life_that_went_meanwhile_is_not_noted()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var notes = new CompletionNotes(host.Connector.Book, _log, _time, NullLogger.Instance, CancellationToken.None);
        var writing = notes.Add(await ConnectAsync(host, "a"));
        await host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        await writing!;

        Assert.That(_log.Commits, Is.Zero);
    }

    [Test]
    public async Task S12_a_stop_leaves_none_behind()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        using var stopping = new CancellationTokenSource();
        var notes = new CompletionNotes(host.Connector.Book, _log, _time, NullLogger.Instance, stopping.Token);
        var writing = notes.Add(await ConnectAsync(host, "a"));
        await stopping.CancelAsync();
        await writing!;
        await notes.Add(await ConnectAsync(host, "b"))!;

        Assert.That(_log.Commits, Is.EqualTo(2));
    }

    [Test]
    public async Task S12_a_split_lifes_is_written_at_once()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var notes = new CompletionNotes(host.Connector.Book, _log, _time, NullLogger.Instance, CancellationToken.None);
        var record = await ConnectAsync(host, "a") with { SplitLife = true };
        host.Connector.Find(Id("a")).Replace(record);
        await notes.Add(record)!;

        Assert.That(_log.Commits, Is.EqualTo(1));
    }

    private static WorkloadEndpointId Id(string name) => new("cni", name, "eth0");

    private static async Task<EndpointRecord> ConnectAsync(HostUnderTest host, string name)
    {
        using var place = host.CreateNamespace();
        await host.Network.ConnectAsync(new()
        {
            Id = Id(name),
            Instance = name,
            Profiles = ["net"],
            Claim = new() { Handle = $"net.{name}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, Placement.In(place, "eth0"), CancellationToken.None);
        return host.Connector.Find(Id(name)).Record;
    }
}
