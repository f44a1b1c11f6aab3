using System.Collections.Immutable;
using System.Text;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Node;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>What an adapter asks for does not change what a person wrote, nor what an endpoint names: not in the store, and not in the
/// kernel.</summary>
[TestFixture]
public sealed class ProfileOwnershipTests
{
    private const string Key = "/calico/resources/v3/projectcalico.org/profiles/net";

    private static readonly ProfileDefaults Open = new(false, ImmutableSortedDictionary<string, string>.Empty);

    [Test]
    public async Task A_persons_profile_is_what_is_enforced()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        host.Store.Set(Key, """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net"},"spec":{}}""");
        var told = new List<SyncBatch>();
        var view = await host.SeeAsync();
        var profiles = new HostProfiles(host.Outbox, host.Store, new(view, told.Add), host.Connector.Book, TimeSpan.MaxValue,
            TimeProvider.System, NullLogger<HostProfiles>.Instance);

        await profiles.EnsureAsync("net", Open, CancellationToken.None);
        await profiles.EnsureAsync("net", Open with { Internal = true }, CancellationToken.None);

        Assert.That(told, Is.Empty, "the dataplane has the person's from the store");
        Assert.That(host.Store.Snapshot(Key).Single().Version, Is.EqualTo(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Who_does_not_know_whether_a_network_is_internal_leaves_it_as_it_is(bool isInternal)
    {
        var unknown = Open with { Internal = true, KeepsInternal = true };
        await using var host = await HostUnderTest.StartAsync("cni");
        await host.Profiles.EnsureAsync("net", Open with { Internal = isInternal }, CancellationToken.None);
        var before = host.Store.Snapshot(Key).Single();
        await host.SeeAsync();
        await host.Profiles.EnsureAsync("net", unknown, CancellationToken.None);
        Assert.That(host.Store.Snapshot(Key).Single().Value.ToArray(), Is.EqualTo(before.Value.ToArray()));

        await host.Profiles.EnsureAsync("fresh", unknown, CancellationToken.None);
        var fresh = host.Store.Snapshot(Key.Replace("/net", "/fresh", StringComparison.Ordinal)).Single();
        var made = Encoding.UTF8.GetString(fresh.Value.Span);
        Assert.That(made[made.IndexOf("\"egress\"", StringComparison.Ordinal)..], Does.Contain("has(fresh)"), "unknown: closed");
    }

    [Test]
    public async Task A_profile_that_an_endpoint_names_is_not_removed()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        await host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        var id = new WorkloadEndpointId("cni", "c1", "eth0");
        using var place = host.CreateNamespace();
        await host.Network.ConnectAsync(new()
        {
            Id = id, Instance = "c1", Profiles = ["net"], Claim = new() { Handle = "net.c1", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, Placement.In(place, "eth0"), CancellationToken.None);

        // On a busy machine the store may be too slow for a call, which is brought later then.
        await host.Profiles.RemoveAsync("net", CancellationToken.None);
        await host.ReviveStoreAsync();
        Assert.That(host.Store.Snapshot(Key), Has.Length.EqualTo(1));
        await host.Network.DisconnectAsync(id, "c1", CancellationToken.None);
        await host.Profiles.RemoveAsync("net", CancellationToken.None);
        await host.ReviveStoreAsync();
        Assert.That(host.Store.Snapshot(Key), Is.Empty);
    }

    [Test]
    public async Task An_endpoint_whose_end_the_store_missed_holds_no_profile()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        await host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        using var place = host.CreateNamespace();
        WorkloadEndpointId id = new("cni", "a", "eth0");
        await host.Network.ConnectAsync(new()
        {
            Id = id, Instance = "a", Profiles = ["net"], Claim = new() { Handle = "net.a", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, Placement.In(place, "eth0"), CancellationToken.None);
        await host.KillStoreAsync();
        await host.Network.DisconnectAsync(id, "a", CancellationToken.None);
        host.Store.Faults.Dead = false;
        Assert.That(host.Store.Snapshot(Kinds.WorkloadEndpoint.Prefix), Has.Length.EqualTo(1), "it is to be told yet");
        await host.Profiles.RemoveAsync("net", CancellationToken.None);
        Assert.That(host.Store.Snapshot(Key), Is.Empty);
    }
}
