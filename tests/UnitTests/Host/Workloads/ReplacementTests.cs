using System.Collections.Immutable;
using System.Net;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads;

/// <summary>A new life of an endpoint whose old one was not removed.</summary>
[TestFixture]
public sealed class ReplacementTests
{
    private static readonly WorkloadEndpointId Pod = new("k8s", "default.web", "eth0");

    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni", more: ["10.66.0.0/32"]);

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    [TestCase("no pool", Problem.NotFound)]
    [TestCase("no address", Problem.Exhausted)]
    [TestCase("held address", Problem.AlreadyExists)]
    [TestCase("held lease", Problem.AlreadyExists)]
    [TestCase("foreign address of ours", Problem.Invalid)]
    [TestCase("shared pool", Problem.Invalid)]
    public async Task A_life_that_cannot_be_had_leaves_the_old_one_whole(string wish, Problem answer)
    {
        var other = await ConnectAsync(Spec("other") with { Id = new("cni", "other", "eth0"), NamespaceGroup = "g" });
        var before = await ConnectAsync(Spec("x"));
        var held = other.Addresses[0].BaseAddress;
        var spec = Spec("y");
        spec = wish switch
        {
            "no pool" => spec with { Claim = spec.Claim! with { Pools = ["nowhere"] } },
            "no address" => spec with { Claim = spec.Claim! with { Ipv4 = 2, Pools = ["pool-10.66.0.0-32"] } },
            "held address" => spec with { Claim = spec.Claim! with { Ipv4 = 0, Exact = [held] } },
            "held lease" => spec with { Claim = null, Leased = [held] },
            "foreign address of ours" => spec with { Claim = null, Unmanaged = [IPNetwork.Parse("10.65.9.9/32")] },
            _ => spec with { NamespaceGroup = "g" },
        };
        var leases = await _host.Ipam.ListAsync(null, CancellationToken.None);
        var left = await _host.LeftNowAsync();

        var error = await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(spec));
        Assert.That(error!.Problem, Is.EqualTo(answer), error.Message);
        var after = await _host.Network.FindAsync(Pod, CancellationToken.None);
        Assert.That((after!.Instance, after.State, after.Addresses[0]), Is.EqualTo(("x", EndpointState.Enforced, before.Addresses[0])));
        Assert.That(await _host.LeftNowAsync(), Is.EqualTo(left));
        Assert.That(await _host.Ipam.ListAsync(null, CancellationToken.None), Is.EqualTo(leases));
    }

    [Test]
    public async Task A_fixed_address_passes_from_the_old_life_to_the_new_one()
    {
        var fixedAddress = IPAddress.Parse("10.65.7.7");
        await ConnectAsync(Fixed("x"));
        var after = await ConnectAsync(Fixed("y"));
        Assert.That(after.Addresses.Single().BaseAddress, Is.EqualTo(fixedAddress));
        var lease = (await _host.Ipam.ListAsync(null, CancellationToken.None)).Single();
        Assert.That((lease.Handle, lease.BoundTo), Is.EqualTo(("net.y", (WorkloadEndpointId?)Pod)));

        EndpointSpec Fixed(string life) => Spec(life) with { Claim = Spec(life).Claim! with { Ipv4 = 0, Exact = [fixedAddress] } };
    }

    [Test]
    public async Task A_kernel_that_refuses_the_new_life_leaves_neither()
    {
        await ConnectAsync(Spec("x"));
        _host.Kernel.Failing.Add("wire");
        await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(Spec("y")));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_kernel_that_keeps_the_old_life_refuses_the_new_one_and_its_reservation_is_given_back()
    {
        await ConnectAsync(Spec("x"));
        _host.Kernel.Failing.Add("unwire");
        await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(Spec("y")));
        Assert.That((await _host.Ipam.ListAsync(null, CancellationToken.None)).Select(l => l.Handle), Is.EqualTo(new[] { "net.x" }));
        _host.Kernel.Failing.Clear();
        Assert.That((await ConnectAsync(Spec("y"))).Instance, Is.EqualTo("y"));
    }

    [Test]
    public async Task A_caller_that_gives_up_while_the_old_life_goes_leaves_neither()
    {
        await ConnectAsync(Spec("x"));
        using var caller = new CancellationTokenSource();
        _host.Kernel.At = step => step == "unwire" ? caller.CancelAsync() : Task.CompletedTask;
        Assert.That(async () => await ConnectAsync(Spec("y"), caller.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task A_late_removal_of_the_old_life_does_nothing()
    {
        await ConnectAsync(Spec("x"));
        await ConnectAsync(Spec("y"));
        await _host.Network.DisconnectAsync(Pod, "x", CancellationToken.None);
        Assert.That((await _host.Network.FindAsync(Pod, CancellationToken.None))!.State, Is.EqualTo(EndpointState.Enforced));
        Assert.That((await _host.Ipam.ListAsync(null, CancellationToken.None)).Select(l => l.Handle), Is.EqualTo(new[] { "net.y" }));
    }

    private static EndpointSpec Spec(string life) => new()
    {
        Id = Pod,
        Instance = life,
        Network = "net",
        Profiles = ["net"],
        Facts = ImmutableSortedDictionary<string, string>.Empty.Add("pod", "web").Add("containerID", life),
        Claim = new() { Handle = $"net.{life}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 },
    };

    private async Task<Attachment> ConnectAsync(EndpointSpec spec, CancellationToken ct = default)
    {
        using var place = spec.NamespaceGroup.Length == 0 ? _host.CreateNamespace() : _host.OpenNamespace(spec.NamespaceGroup);
        return await _host.Network.ConnectAsync(spec, Placement.In(place, "eth0"), ct);
    }
}
