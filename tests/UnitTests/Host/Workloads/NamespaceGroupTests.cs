using System.Net;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>Several interfaces in one namespace.</summary>
[TestFixture]
public sealed class NamespaceGroupTests
{
    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni", more: ["10.66.0.0/26", "10.67.0.0/26"]);

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [Test]
    public async Task Gateways_are_counted_in_each_group_and_a_ninth_interface_is_refused_by_name()
    {
        var gateways = new List<string>();
        for (var n = 0; n < 8; n++)
        {
            gateways.Add((await ForeignAsync("g", n)).Gateway4!.ToString());
        }

        Assert.That(gateways, Is.EqualTo(Enumerable.Range(1, 8).Select(n => $"169.254.1.{n}")));
        Assert.That((await ForeignAsync("another", 20)).Gateway4, Is.EqualTo(IPAddress.Parse("169.254.1.1")));
        Assert.That((await ForeignAsync("", 21)).Gateway4, Is.EqualTo(IPAddress.Parse("169.254.1.1")));
        Assert.That((await ForeignAsync("", 22)).Gateway4, Is.EqualTo(IPAddress.Parse("169.254.1.1")));

        var error = await Assert.ThrowsAsync<CalicoException>(() => ForeignAsync("g", 8));
        Assert.That((error!.Problem, error.Path), Is.EqualTo((Problem.Invalid, "placement.interfaceName")));
        Assert.That(error.Message, Does.Contain("8 Calico interfaces").And.Contain("eth8"));
        Assert.That(await _host.Network.ListAsync(null, CancellationToken.None), Has.Length.EqualTo(11));
    }

    [Test]
    public async Task A_gateway_that_was_given_up_is_used_again()
    {
        await ForeignAsync("g", 0);
        var second = await ForeignAsync("g", 1);
        await ForeignAsync("g", 2);
        await _host.Network.DisconnectAsync(second.Id, null, CancellationToken.None);
        Assert.That((await ForeignAsync("g", 3)).Gateway4, Is.EqualTo(second.Gateway4));
    }

    [Test]
    public async Task Interfaces_that_come_at_once_have_gateways_of_their_own()
    {
        var gateways = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => Task.Run(() => ForeignAsync("g", n))));
        Assert.That(gateways.Select(a => a.Gateway4!.ToString()).Order(), Is.EqualTo(Enumerable.Range(1, 8).Select(n => $"169.254.1.{n}")));
        Assert.That(gateways.Count(a => a.Routes.Any(r => r.Destination.PrefixLength == 0)), Is.EqualTo(1));
    }

    [Test]
    public async Task A_second_interface_routes_its_own_pool_only()
    {
        var first = await PoolAsync("eth0", "net1", "pool-10.66.0.0-26");
        var second = await PoolAsync("eth1", "net2", "pool-10.67.0.0-26");
        Assert.That(first.Routes, Is.EqualTo(new[] { new Route(IPNetwork.Parse("0.0.0.0/0"), null) }));
        Assert.That(second.Routes, Is.EqualTo(new[] { new Route(IPNetwork.Parse("10.67.0.0/26"), null) }));
        Assert.That(second.Gateway4, Is.EqualTo(IPAddress.Parse("169.254.1.2")));
    }

    [Test]
    public async Task A_pool_that_two_networks_of_a_namespace_share_is_refused_by_name_and_takes_no_address()
    {
        await PoolAsync("eth0", "net1", "pool-10.66.0.0-26");
        var error = await Assert.ThrowsAsync<CalicoException>(() => PoolAsync("eth1", "net2", "pool-10.66.0.0-26"));
        Assert.That(error!.Problem, Is.EqualTo(Problem.Invalid));
        Assert.That(error.Message, Does.Contain("net1").And.Contain("net2").And.Contain("pool-10.66.0.0-26"));
        Assert.That((await _host.Ipam.ListAsync(null, CancellationToken.None)).Select(l => l.Handle), Is.EqualTo(new[] { "net1.c" }));
        Assert.That(_host.Kernel.Links.Count(), Is.EqualTo(1));
    }

    private Task<Attachment> ForeignAsync(string group, int n) => ConnectAsync(new()
    {
        Id = new("cni", $"c{group}", $"eth{n}"),
        Instance = "c",
        Profiles = ["net"],
        NamespaceGroup = group,
        Unmanaged = [new(new IPAddress([198, 18, 77, (byte)(n + 1)]), 32)],
    });

    private Task<Attachment> PoolAsync(string name, string network, string pool) => ConnectAsync(new()
    {
        Id = new("cni", "c", name),
        Instance = "c",
        Network = network,
        Profiles = [network],
        NamespaceGroup = "g",
        Claim = new() { Handle = $"{network}.c", Purpose = LeasePurpose.Endpoint, Ipv4 = 1, Pools = [pool] },
    });

    private async Task<Attachment> ConnectAsync(EndpointSpec spec)
    {
        using var place = spec.NamespaceGroup.Length == 0 ? _host.CreateNamespace() : _host.OpenNamespace(spec.NamespaceGroup);
        return await _host.Network.ConnectAsync(spec, Placement.In(place, spec.Id.Endpoint), CancellationToken.None);
    }
}
