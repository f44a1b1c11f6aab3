using System.Runtime.Versioning;
using Calico.Plugins.Mesos.V1;
using Grpc.Core;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>Whose an address is: a uid's, a container's; and what a failed call leaves as it was.</summary>
[TestFixture, Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class AddressOwnershipTests
{
    private MesosHarness _mesos = null!;
    private NetModulesAgent _agent = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _mesos = await MesosHarness.StartAsync();
        _agent = new(_mesos);
    }

    [TearDown]
    public async Task StopAsync() => await _mesos.DisposeAsync();

    [Test]
    public async Task M18_a_container_does_not_get_an_address_that_a_uid_has_reserved()
    {
        await _mesos.Isolator.ReserveAsync(new() { Uid = "u", Addresses = { "10.65.0.9" } });
        var refused = await MesosHarness.RefusedAsync(() => _mesos.PrepareAsync("c", Asking("10.65.0.9")));
        Assert.That((refused.StatusCode, refused.Status.Detail), Is.EqualTo((StatusCode.AlreadyExists, "10.65.0.9 is held by u")));
        Assert.That(_mesos.Node.Leases.Select(l => (l.Owner, l.BoundTo)), Is.EqualTo(new[] { ("u", (WorkloadEndpointId?)null) }));
        Assert.That(_mesos.Node.Endpoints, Is.Empty);
        await _mesos.PrepareAsync("c", Asking("10.65.0.10"));
        Assert.That((await _mesos.PrepareAsync("c", Asking("10.65.0.10"))).Managed, Is.True, "its own it has");
    }

    [Test]
    public async Task M18_a_prepare_that_fails_leaves_a_uid_what_it_had([Values] bool keep)
    {
        await _mesos.Isolator.AllocateAsync(new() { Uid = "u", NumIpv4 = 1, Keep = keep });
        var before = _mesos.Node.Leases.Select(l => (l.Address, l.Handle, l.Purpose, l.Owner)).ToArray();
        _mesos.Node.Faults.FailAt("dataplane.prepare", new CalicoException(Problem.Exhausted, "no address is left"), nth: 2);
        await MesosHarness.RefusedAsync(() => _mesos.PrepareAsync("c", new NetworkInfo { Name = "one", LeaseUid = "u" },
            new NetworkInfo { Name = "two" }));
        Assert.That(_mesos.Node.Leases.Select(l => (l.Address, l.Handle, l.Purpose, l.Owner)), Is.EqualTo(before));
        Assert.That(_mesos.Node.Leases.Select(l => l.BoundTo), Is.All.Null);
        Assert.That(_mesos.Node.Endpoints, Is.Empty);
        Assert.That((await _mesos.PrepareAsync("c", new NetworkInfo { Name = "one", LeaseUid = "u" })).Managed, Is.True);
    }

    [Test]
    public async Task M18_a_release_says_what_it_did()
    {
        await _mesos.Isolator.AllocateAsync(new() { Uid = "u", NumIpv4 = 2 });
        var released = await _mesos.Isolator.ReleaseAsync(new() { Uid = "u" });
        Assert.That(released.Released, Is.EquivalentTo(new[] { "10.65.0.0", "10.65.0.1" }));
        Assert.That(await _mesos.Isolator.ReleaseAsync(new() { Uid = "u" }), Is.EqualTo(new ReleaseResponse()), "nothing");
    }

    [Test]
    public async Task M18_an_allocate_that_fails_releases_what_it_reserved_by_label_and_no_more()
    {
        await _agent.ReserveAsync("u", "10.65.0.78");
        var before = _agent.Held();
        _mesos.Node.Faults.FailAt("ipam.claim", new CalicoException(Problem.Exhausted, "no address is left"), nth: 2);
        Assert.That((await _agent.AllocateAsync(3, 0, """[{"key":"ipv4_addrs","value":"['10.65.0.77','10.65.0.78']"}]""")).Output,
            Is.EqualTo("""{"ipv4":null,"ipv6":null,"error":"no address is left"}""").Or.EqualTo("""{"error":"no address is left"}"""));
        Assert.That(_agent.Held(), Is.EqualTo(before));
    }

    [Test]
    public async Task M18_more_addresses_by_label_than_a_claim_may_have_are_refused()
    {
        var many = string.Join(',', Enumerable.Range(1, 65).Select(i => $"'10.65.1.{i}'"));
        Assert.That((await _agent.AllocateAsync(1, 0, "[{\"key\":\"ipv4_addrs\",\"value\":\"[" + many + "]\"}]")).Output,
            Does.Contain("65 addresses are asked for by label; at most 64 can be"));
        Assert.That(_agent.Held(), Is.Empty);
    }

    [Test, CancelAfter(60_000)]
    public async Task M18_a_label_is_read_in_the_time_of_its_length(CancellationToken ct)
    {
        // Blanks that are an address's or the list's: four times ten to the tenth ways, for who tries them all.
        var label = "['a'" + new string(' ', 200_000) + "x";
        Assert.That((await _agent.AllocateAsync(1, 0, "[{\"key\":\"ipv4_addrs\",\"value\":\"" + label + "\"}]").WaitAsync(ct)).Output,
            Does.Contain("malformed ipv4_addrs"));
    }

    private static NetworkInfo Asking(string address) =>
        new() { Name = "n", IpAddresses = { new NetworkInfo.Types.IPAddress { IpAddress = address } } };
}
