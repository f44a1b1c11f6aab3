using System.Collections.Immutable;
using System.Net;
using System.Text;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Profiles that let a few addresses at their members, and nobody else.</summary>
[TestFixture, Parallelizable]
public sealed class PeerProfileTests
{
    private const string Key = "/calico/resources/v3/projectcalico.org/profiles/net";

    private static readonly ProfileDefaults None = new(false, ImmutableSortedDictionary<string, string>.Empty);

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("mesos");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task M18_a_profile_of_peers_lets_them_and_members_at_each_other_and_says_nothing_else()
    {
        ImmutableArray<IPNetwork> peers = [IPNetwork.Parse("192.0.2.7/32"), IPNetwork.Parse("2001:db8::7/128")];
        await _host.Profiles.EnsureAsync("net", None with { Peers = peers }, CancellationToken.None);
        Assert.That(Stored(), Does.EndWith(
            "\"spec\":"
            + """{"ingress":[{"action":"Allow","source":{"nets":["192.0.2.7/32"]}},"""
            + """{"action":"Allow","source":{"nets":["2001:db8::7/128"]}}],"""
            + "\"egress\":" + """[{"action":"Allow","destination":{"nets":["192.0.2.7/32"]}},"""
            + """{"action":"Allow","destination":{"nets":["2001:db8::7/128"]}}]}}"""));
    }

    [Test]
    public async Task M18_another_address_of_the_machine_is_written_to_the_profile_of_peers()
    {
        await _host.Profiles.EnsureAsync("net", None with { Peers = [IPNetwork.Parse("192.0.2.7/32")] }, CancellationToken.None);
        await _host.Profiles.EnsureAsync("net", None with { Peers = [IPNetwork.Parse("192.0.2.8/32")] }, CancellationToken.None);
        Assert.That(Stored(), Does.Contain("192.0.2.8/32").And.Not.Contain("192.0.2.7/32"));
    }

    [Test]
    public async Task M18_what_was_written_over_a_profile_is_written_anew_by_the_next_who_asks()
    {
        var ours = None with { Peers = [IPNetwork.Parse("192.0.2.7/32")] };
        var theirs = None with { Peers = [IPNetwork.Parse("192.0.2.8/32")] };
        await _host.Profiles.EnsureAsync("net", theirs, CancellationToken.None);
        var written = Stored();
        await _host.Profiles.EnsureAsync("net", ours, CancellationToken.None);
        // As another node does it.
        _host.Store.Set(Key, written);
        await _host.SeeAsync(_host.View);
        await _host.Profiles.EnsureAsync("net", ours, CancellationToken.None);
        Assert.That(Stored(), Does.Contain("192.0.2.7/32").And.Not.Contain("192.0.2.8/32"));
    }

    [Test]
    public async Task M18_a_profile_of_one_sort_is_not_made_into_another([Values] bool again)
    {
        await _host.Profiles.EnsureAsync("net", None with { Peers = [IPNetwork.Parse("192.0.2.7/32")] }, CancellationToken.None);
        var made = Stored();
        await _host.SeeAsync(_host.View);
        if (again)
        {
            await _host.CrashAsync();
            await _host.SeeAsync(_host.View);
        }

        var refused = await Assert.ThrowsAsync<CalicoException>(() => _host.Profiles.EnsureAsync("net", None, CancellationToken.None));
        Assert.That((refused!.Problem, refused.Path, Stored()), Is.EqualTo((Problem.AlreadyExists, "name", made)));
    }

    private string Stored() => Encoding.UTF8.GetString(_host.Store.Snapshot(Key).Single().Value.Span);
}
