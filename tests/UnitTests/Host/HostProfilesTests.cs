using System.Collections.Immutable;
using System.Text;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>Profiles of networks, with the store there and away.</summary>
[TestFixture]
public sealed class HostProfilesTests
{
    private const string Key = "/calico/resources/v3/projectcalico.org/profiles/net";

    private static readonly ProfileDefaults Open = new(false, ImmutableSortedDictionary<string, string>.Empty);

    private HostUnderTest host = null!;

    [SetUp]
    public async Task StartAsync() => host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await host.DisposeAsync();

    [Test]
    public async Task A_profile_that_the_store_missed_reaches_it_after_a_crash()
    {
        await host.KillStoreAsync();
        await host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        await host.CrashAsync();
        await host.ReviveStoreAsync();
        Assert.That(Stored(), Does.Contain("net.calico/made-by"));
        Assert.That(host.Log.List("profiles/"), Is.Empty);
    }

    [Test]
    public async Task A_change_that_the_store_missed_replaces_what_an_adapter_made()
    {
        await host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        var before = Stored();
        await host.KillStoreAsync();
        await host.Profiles.EnsureAsync("net", Open with { Internal = true }, CancellationToken.None);
        await host.ReviveStoreAsync();
        var rules = Stored()[Stored().IndexOf("\"egress\"", StringComparison.Ordinal)..];
        Assert.That(before, Does.Not.Contain(rules));
        Assert.That(rules, Does.Contain("has(net)"));
    }

    [Test]
    public async Task A_persons_profile_is_left_alone_also_by_what_was_journalled()
    {
        const string Theirs = """{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"net"},"spec":{}}""";
        await host.KillStoreAsync();
        await host.Profiles.EnsureAsync("net", Open, CancellationToken.None);
        host.Store.Set(Key, Theirs);
        await host.ReviveStoreAsync();
        Assert.That(Stored(), Is.EqualTo(Theirs));
    }

    private string Stored() => Encoding.UTF8.GetString(host.Store.Snapshot(Key).Single().Value.Span);
}
