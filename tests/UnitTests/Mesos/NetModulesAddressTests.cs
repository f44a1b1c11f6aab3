using System.Runtime.Versioning;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>net-modules' IPAM commands that are done, golden both ways.</summary>
[TestFixture, Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class NetModulesAddressTests
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
    public async Task M18_allocate_gives_addresses_of_both_families()
    {
        Assert.That(await _agent.AllocateAsync(2, 1),
            Is.EqualTo((0, """{"ipv4":["10.65.0.0","10.65.0.1"],"ipv6":["fd80:24e2:f998:72d6::"],"error":null}""")));
        Assert.That(_mesos.Node.Leases.Select(l => (l.Owner, l.Purpose)), Is.All.EqualTo(("u", LeasePurpose.Endpoint)));
    }

    [Test]
    public async Task M18_allocate_of_none_gives_none() =>
        Assert.That(await _agent.AllocateAsync(0, 0), Is.EqualTo((0, """{"ipv4":[],"ipv6":[],"error":null}""")));

    [Test]
    public async Task M18_allocate_again_gives_the_same()
    {
        var first = await _agent.AllocateAsync(2, 0);
        Assert.That(await _agent.AllocateAsync(2, 0), Is.EqualTo(first));
        Assert.That(_mesos.Node.Leases, Has.Length.EqualTo(2));
    }

    [TestCase("['10.65.0.77', '10.65.0.78']")]
    [TestCase("[u'10.65.0.77', u\\\"10.65.0.78\\\",]")]
    public async Task M18_allocate_takes_static_addresses_of_a_label_and_fewer_others(string label)
    {
        var answer = await _agent.AllocateAsync(3, 0, "[{\"key\":\"ipv4_addrs\",\"value\":\"" + label + "\"}]");
        Assert.That(answer, Is.EqualTo((0, """{"ipv4":["10.65.0.0","10.65.0.77","10.65.0.78"],"ipv6":[],"error":null}""")));
    }

    [Test]
    public async Task M18_the_label_of_Mesos_0_24_is_a_static_address_and_auto_is_none()
    {
        Assert.That((await _agent.AllocateAsync(1, 0, """[{"key":"network_isolator.ip","value":"10.65.0.77"}]""")).Output,
            Does.Contain("""["10.65.0.77"]"""));
        await _agent.CallAsync("""{"command":"release","args":{"uid":"u"}}""");
        Assert.That((await _agent.AllocateAsync(1, 0, """[{"key":"network_isolator.ip","value":"auto"}]""")).Output,
            Does.Contain("""["10.65.0.0"]"""));
    }

    [Test]
    public async Task M18_labels_as_an_object_are_read_too() =>
        Assert.That((await _agent.AllocateAsync(1, 0, """{"ipv4_addrs":"['10.65.0.77']"}""")).Output, Does.Contain("""["10.65.0.77"]"""));

    [Test]
    public async Task M18_reserve_takes_all_of_both_families()
    {
        Assert.That(await _agent.ReserveAsync("u", "10.65.0.9", "10.65.0.10"), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(_agent.Held(), Is.EqualTo(new[] { "10.65.0.10", "10.65.0.9", "fd80:24e2:f998:72d6::9" }));
    }

    [Test]
    public async Task M18_reserve_of_a_taken_address_takes_none_of_the_others()
    {
        await _agent.ReserveAsync("u", "10.65.0.9");
        Assert.That(await _agent.ReserveAsync("v", "10.65.0.8", "10.65.0.9"), Is.EqualTo("""{"error":"IP '10.65.0.9' already in use."}"""));
        Assert.That(_agent.Held(), Is.EqualTo(new[] { "10.65.0.9", "fd80:24e2:f998:72d6::9" }));
    }

    [Test]
    public async Task M18_reserve_and_allocate_of_one_uid_are_other_addresses_and_one_release_frees_both()
    {
        await _agent.ReserveAsync("u", "10.65.0.9");
        Assert.That((await _agent.AllocateAsync(1, 0)).Output, Does.Contain("10.65.0.0"));
        Assert.That(await _agent.CallAsync("""{"command":"release","args":{"uid":"u"}}"""), Is.EqualTo(NetModulesAgent.Done));
        Assert.That(_agent.Held(), Is.Empty);
    }

    [Test]
    public async Task M18_release_of_addresses_frees_those_and_what_is_free_is_released()
    {
        await _agent.AllocateAsync(2, 0);
        Assert.That(await _agent.CallAsync("""{"command":"release","args":{"ips":["10.65.0.0","10.65.0.200"]}}"""),
            Is.EqualTo(NetModulesAgent.Done));
        Assert.That(_agent.Held(), Is.EqualTo(new[] { "10.65.0.1" }));
        Assert.That(await _agent.CallAsync("""{"command":"release","args":{"uid":"nobodys"}}"""), Is.EqualTo(NetModulesAgent.Done));
    }
}
