using Calico.Host.Node;
using Microsoft.Extensions.Time.Testing;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>The node's MTU, while nobody sets one.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UplinkMtuTests
{
    private readonly Dictionary<string, int> _links = new() { ["eth0"] = 1500, ["eth1"] = 9000 };
    private readonly FakeTimeProvider _time = new();
    private string? _uplink = "eth0";

    [Test]
    public void B9_a_change_of_the_uplinks_MTU_is_followed_when_it_stays()
    {
        var mtu = Make();
        Assert.That(mtu.Begin(), Is.EqualTo(1500));
        _links["eth0"] = 1400;
        Assert.That(mtu.HasChanged(), Is.False, "seen once");
        _links["eth0"] = 1500;
        Assert.That(mtu.HasChanged(), Is.False, "it was for a moment");
        _links["eth0"] = 1400;
        Assert.That((mtu.HasChanged(), mtu.Current), Is.EqualTo((false, 1500)));
        Assert.That((mtu.HasChanged(), mtu.Current), Is.EqualTo((true, 1400)));
        Assert.That(mtu.HasChanged(), Is.False, "told once");
        _links["eth0"] = 1300;
        Assert.That(mtu.HasChanged(), Is.False);
        _links["eth0"] = 1200;
        Assert.That(mtu.HasChanged(), Is.False, "two that differ are no two looks");
    }

    [Test]
    public void B9_another_uplink_is_found_and_one_that_is_gone_changes_nothing()
    {
        var mtu = Make();
        mtu.Begin();
        _links.Remove("eth0");
        _uplink = null;
        Assert.That(new[] { mtu.HasChanged(), mtu.HasChanged(), mtu.HasChanged() }, Is.All.False);
        Assert.That(mtu.Current, Is.EqualTo(1500));
        _uplink = "eth1";
        Assert.That((mtu.HasChanged(), mtu.HasChanged(), mtu.Current), Is.EqualTo((false, true, 9000)));
        // The address moves while the former uplink stays.
        (_uplink, _links["eth0"]) = ("eth0", 1450);
        Assert.That(new[] { mtu.HasChanged(), mtu.HasChanged() }, Is.All.False, "not looked for each time");
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.That((mtu.HasChanged(), mtu.HasChanged(), mtu.Current), Is.EqualTo((false, true, 1450)));
    }

    [Test]
    public async Task B9_endpoints_that_asked_for_no_MTU_follow_and_those_to_come_get_it()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var (follows, own) = (await ConnectAsync(host, "follows"), await ConnectAsync(host, "own", 1450));
        Assert.That(await host.Connector.FollowMtuAsync(1400, CancellationToken.None), Is.Empty);
        Assert.That((host.Kernel.MtuOf(follows.HostInterface), host.Kernel.MtuOf(own.HostInterface)), Is.EqualTo((1400, 1450)));
        Assert.That((await ConnectAsync(host, "next")).Mtu, Is.EqualTo(1400));
        Assert.That((await host.Network.FindAsync(follows.Id, CancellationToken.None))!.Mtu, Is.EqualTo(1400), "what CHECK expects");
        await host.CrashAsync();
        Assert.That((await host.Network.FindAsync(follows.Id, CancellationToken.None))!.Mtu, Is.EqualTo(1400), "and the next process");
    }

    [Test]
    public async Task B9_an_endpoint_that_cannot_be_reached_keeps_its_MTU_is_named_and_tried_again()
    {
        await using var host = await HostUnderTest.StartAsync("cni");
        var first = await ConnectAsync(host, "first");
        host.Kernel.Failing.Add("resize");
        Assert.That(await host.Connector.FollowMtuAsync(1400, CancellationToken.None),
            Has.Length.EqualTo(1).And.All.Contains("first").And.All.Contains("1500"));
        Assert.That((await host.Network.FindAsync(first.Id, CancellationToken.None))!.Mtu, Is.EqualTo(1500));
        host.Kernel.Failing.Clear();
        Assert.That(await host.Connector.FollowMtuAsync(1400, CancellationToken.None), Is.Empty);
        Assert.That(host.Kernel.MtuOf(first.HostInterface), Is.EqualTo(1400));
    }

    private UplinkMtu Make() => new(() => _uplink, l => _links.TryGetValue(l, out var mtu) ? mtu : null, _time);

    private static async Task<Attachment> ConnectAsync(HostUnderTest host, string name, int? mtu = null)
    {
        using var place = host.CreateNamespace();
        return await host.Network.ConnectAsync(new()
        {
            Id = new("cni", name, "eth0"),
            Instance = "life",
            Profiles = ["net"],
            Mtu = mtu,
            Claim = new() { Handle = $"net.{name}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
        }, Placement.In(place, "eth0"), CancellationToken.None);
    }
}
