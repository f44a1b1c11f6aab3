using System.Net;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Links that are handed over into a namespace which is named only at the join.</summary>
[TestFixture, Parallelizable]
public sealed class SandboxTests
{
    private const string Pool = "10.66.0.0/26";

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("docker", more: Pool);

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task Each_has_gateways_of_its_own_in_both_families()
    {
        var joined = new List<Attachment>();
        foreach (var n in (int[])[1, 2, 3])
        {
            await PrepareForeignAsync(n, $"198.18.0.{n}/32", $"fd00::{n}/128");
            joined.Add(await JoinAsync(n));
        }

        Assert.That(joined.Select(a => $"{a.Gateway4}"), Is.EqualTo(new[] { "169.254.1.1", "169.254.1.2", "169.254.1.3" }));
        Assert.That(joined.Select(a => $"{a.Gateway6}"), Is.EqualTo(new[]
        {
            "fe80::ecee:eeff:feee:eeee", "fe80::ecee:eeff:feee:2", "fe80::ecee:eeff:feee:3",
        }));
    }

    [Test]
    public async Task Those_without_ipv4_are_counted_too_and_a_restart_forgets_none()
    {
        await PrepareForeignAsync(1, "fd00::1/128");
        await PrepareForeignAsync(2, "fd00::2/128");
        await PrepareForeignAsync(3, "fd00::3/128");
        await JoinAsync(1);
        await JoinAsync(2);
        await _host.CrashAsync();
        Assert.That($"{(await JoinAsync(3)).Gateway6}", Is.EqualTo("fe80::ecee:eeff:feee:3"));
        Assert.That($"{(await _host.Network.FindAsync(IdOf(2), CancellationToken.None))!.Gateway6}", Is.EqualTo("fe80::ecee:eeff:feee:2"));
    }

    [Test]
    public async Task One_that_has_left_makes_room()
    {
        await PrepareForeignAsync(1, "198.18.0.1/32");
        await PrepareForeignAsync(2, "198.18.0.2/32");
        await PrepareForeignAsync(3, "198.18.0.3/32");
        await JoinAsync(1);
        await JoinAsync(2);
        await _host.Dataplane.RemoveAsync(IdOf(1), "e1", CancellationToken.None);
        Assert.That($"{(await JoinAsync(3)).Gateway4}", Is.EqualTo("169.254.1.1"));
    }

    [Test]
    public async Task One_that_shares_a_pool_is_refused_by_name_and_stays_prepared()
    {
        await PrepareLeasedAsync(1);
        await PrepareLeasedAsync(2);
        await JoinAsync(1);
        var error = await Assert.ThrowsAsync<CalicoException>(() => JoinAsync(2));
        Assert.That(error!.Message, Does.Contain("net1").And.Contain("net2"));
        Assert.That((await _host.Network.FindAsync(IdOf(2), CancellationToken.None))!.State, Is.EqualTo(EndpointState.Prepared));
        Assert.That(_host.Kernel.Links.Count(), Is.EqualTo(1));
        Assert.That($"{(await JoinAsync(2, "other")).Gateway4}", Is.EqualTo("169.254.1.1"), "another namespace");
    }

    [Test]
    public async Task Two_that_join_at_once_are_told_apart()
    {
        await PrepareForeignAsync(1, "198.18.0.1/32");
        await PrepareForeignAsync(2, "198.18.0.2/32");
        var joined = await Task.WhenAll(JoinAsync(1), JoinAsync(2));
        Assert.That(joined.Select(a => $"{a.Gateway4}"), Is.EquivalentTo(new[] { "169.254.1.1", "169.254.1.2" }));
    }

    private static WorkloadEndpointId IdOf(int n) => new("libnetwork", "libnetwork", $"e{n}");

    private Task PrepareForeignAsync(int n, params string[] addresses) => _host.Dataplane.PrepareAsync(
        new() { Id = IdOf(n), Instance = $"e{n}", Profiles = ["net"], Unmanaged = [.. addresses.Select(a => IPNetwork.Parse(a))] },
        CancellationToken.None);

    private Task PrepareLeasedAsync(int n) => _host.Dataplane.PrepareAsync(
        new()
        {
            Id = IdOf(n),
            Instance = $"e{n}",
            Network = $"net{n}",
            Profiles = ["net"],
            Claim = new() { Handle = $"r{n}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1, Pools = [Pool] },
        },
        CancellationToken.None);

    private Task<Attachment> JoinAsync(int n, string sandbox = "s") => _host.Dataplane.AttachAsync(
        IdOf(n), $"e{n}", Placement.HandedOver($"temp{n}", sandbox), TimeSpan.FromSeconds(5), CancellationToken.None);
}
