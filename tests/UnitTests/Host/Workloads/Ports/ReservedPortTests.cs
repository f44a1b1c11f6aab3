using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Host.Health;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Workloads.Ports;

/// <summary>Who gets which port of the host, and for how long.</summary>
[TestFixture, Parallelizable]
public sealed class ReservedPortTests
{
    private HostUnderTest _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await HostUnderTest.StartAsync("cni");

    [TearDown]
    public async Task EndAsync() => await _host.DisposeAsync();

    private static WorkloadEndpointId Id(string name) => new("cni", name, "eth0");

    private static PublishedPort Tcp(int host, string? ip = null, int end = 0, int container = 80) =>
        new(ProtocolType.Tcp, ip is null ? null : IPAddress.Parse(ip), host, end, container);

    private async Task<Attachment> ConnectAsync(string name, params PublishedPort[] ports) => await ConnectAsync(name, name, ports);

    private async Task<Attachment> ConnectAsync(string name, string life, params PublishedPort[] ports)
    {
        using var place = _host.OpenNamespace(life);
        return await _host.Network.ConnectAsync(new()
        {
            Id = Id(name), Instance = life, Profiles = ["net"], Facts = ImmutableSortedDictionary<string, string>.Empty.Add("name",
                name + "-box"),
            Claim = new() { Handle = $"net.{life}", Purpose = LeasePurpose.Endpoint, Ipv4 = 1 }, Ports = [.. ports],
        }, Placement.In(place, "eth0"), CancellationToken.None);
    }

    private async Task<CalicoException> RefusedAsync(string name, params PublishedPort[] ports) =>
        (await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync(name, ports)))!;

    private IEnumerable<string> Open(string name) => _host.Kernel.PortsOf(Id(name)).Select(Text);

    private static string Text(ForwardedPort p) => $"{(p.HostIp is null ? "*" : p.HostIp)}:{p.HostPort}>{p.ContainerPort}";

    [TestCase(null, null)]
    [TestCase(null, "192.0.2.1")]
    [TestCase("192.0.2.1", "0.0.0.0")]
    [TestCase("192.0.2.1", "192.0.2.1")]
    public async Task A_port_that_overlaps_anothers_is_refused_with_the_field_and_who_has_it(string? first, string? second)
    {
        await ConnectAsync("a", Tcp(8080, first));
        var refused = await RefusedAsync("b", Tcp(8081), Tcp(8080, second));
        Assert.That((refused.Problem, refused.Path), Is.EqualTo((Problem.AlreadyExists, "Ports[1].HostPort")));
        Assert.That(refused.Message, Does.Contain("8080/tcp").And.Contain("a-box"));
        Assert.That(_host.Kernel.HeldPorts.Keys.Select(k => k.Port), Is.EqualTo(new[] { 8080 }), "8081 was given back");
        Assert.That((await _host.Addresses.ListAsync(null, null, CancellationToken.None)).Length, Is.EqualTo(1), "and its address");
    }

    [Test]
    public async Task Other_addresses_and_protocols_do_not_overlap()
    {
        await ConnectAsync("a", Tcp(8080, "192.0.2.1"));
        await ConnectAsync("b", Tcp(8080, "192.0.2.2"), Tcp(8080) with { Protocol = ProtocolType.Udp });
        Assert.That(Open("b"), Is.EqualTo(new[] { "192.0.2.2:8080>80", "*:8080>80" }));
    }

    [Test]
    public async Task A_port_that_another_process_has_is_refused_and_of_a_range_the_first_free_one_is_taken()
    {
        _host.Kernel.Taken.UnionWith([8080, 9000]);
        var refused = await RefusedAsync("a", Tcp(8080));
        Assert.That((refused.Problem, refused.Path), Is.EqualTo((Problem.AlreadyExists, "Ports[0].HostPort")));
        Assert.That(refused.Message, Does.Contain("another process"));
        await ConnectAsync("a", Tcp(9000, end: 9002));
        await ConnectAsync("b", Tcp(9000, end: 9002));
        Assert.That((Open("a").Single(), Open("b").Single()), Is.EqualTo(("*:9001>80", "*:9002>80")));
        Assert.That((await RefusedAsync("c", Tcp(9000, end: 9002))).Message, Does.Contain("9000-9002/tcp").And.Contain("b-box"));
    }

    [Test]
    public async Task What_was_chosen_is_the_same_for_a_retry_and_after_a_restart_and_free_when_its_endpoint_is_gone()
    {
        await ConnectAsync("a", Tcp(0));
        var chosen = Open("a").Single();
        await ConnectAsync("a", Tcp(0));
        Assert.That(Open("a").Single(), Is.EqualTo(chosen));
        await _host.CrashAsync();
        Assert.That(_host.Kernel.HeldPorts, Has.Count.EqualTo(1), "held again before anything is asked");
        // Incomplete, as a crash would leave it.
        _host.Kernel.LoseLink(_host.Kernel.Links.Single());
        await ConnectAsync("a", Tcp(0));
        Assert.That(Open("a").Single(), Is.EqualTo(chosen));
        await _host.Network.DisconnectAsync(Id("a"), "a", CancellationToken.None);
        Assert.That((_host.Kernel.HeldPorts.Count, (await _host.LeftNowAsync()).Length), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task A_new_life_takes_its_ports_over_and_one_that_is_refused_leaves_the_old_one_whole()
    {
        await ConnectAsync("a", "one", Tcp(8080));
        await ConnectAsync("b", Tcp(8082));
        await Assert.ThrowsAsync<CalicoException>(() => ConnectAsync("a", "two", Tcp(8080), Tcp(8082)));
        Assert.That(Open("a"), Is.EqualTo(new[] { "*:8080>80" }));
        await ConnectAsync("a", "two", Tcp(8080), Tcp(8083));
        Assert.That(Open("a"), Is.EqualTo(new[] { "*:8080>80", "*:8083>80" }));
        Assert.That(_host.Kernel.HeldPorts.Keys.Select(k => k.Port).Order(), Is.EqualTo(new[] { 8080, 8082, 8083 }));
    }

    [TestCase("wire"), TestCase("publish")]
    public async Task A_connect_that_fails_gives_its_ports_back(string step)
    {
        _host.Kernel.Failing.Add(step);
        await RefusedAsync("a", Tcp(8080), Tcp(0));
        Assert.That(_host.Kernel.HeldPorts, Is.Empty);
    }

    [Test]
    public async Task Ports_change_while_an_endpoint_lives_and_a_change_that_fails_keeps_what_was()
    {
        await ConnectAsync("a", Tcp(8080), Tcp(8081));
        await _host.Dataplane.UpdateAsync(Id("a"), new(Ports: [Tcp(8081), Tcp(8082)]), CancellationToken.None);
        Assert.That(Open("a"), Is.EqualTo(new[] { "*:8081>80", "*:8082>80" }));
        Assert.That(_host.Kernel.HeldPorts.Keys.Select(k => k.Port).Order(), Is.EqualTo(new[] { 8081, 8082 }));
        _host.Kernel.Taken.Add(8084);
        await Assert.ThrowsAsync<CalicoException>(() => _host.Dataplane.UpdateAsync(Id("a"), new(Ports: [Tcp(8083), Tcp(8084)]),
            CancellationToken.None));
        Assert.That(_host.Kernel.HeldPorts.Keys.Select(k => k.Port).Order(), Is.EqualTo(new[] { 8081, 8082 }));
        Assert.That(Open("a"), Is.EqualTo(new[] { "*:8081>80", "*:8082>80" }));
        await _host.Dataplane.UpdateAsync(Id("a"), new(Labels: ImmutableSortedDictionary<string, string>.Empty), CancellationToken.None);
        Assert.That(Open("a"), Has.Exactly(2).Items, "another change says nothing of ports");
        await _host.Dataplane.UpdateAsync(Id("a"), new(Ports: []), CancellationToken.None);
        Assert.That((Open("a").Count(), _host.Kernel.HeldPorts.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task A_port_that_another_process_took_while_the_host_was_down_is_closed_said_and_opened_when_it_is_free()
    {
        await ConnectAsync("a", Tcp(8080), Tcp(8081));
        _host.Kernel.Taken.Add(8080);
        await _host.CrashAsync();
        Assert.That(_host.Connector.Ports.Lost.Single(), Does.Contain("*:8080 -> 80/tcp is closed").And.Contain("another process"));
        await _host.Connector.Ports.RetakeAsync(CancellationToken.None);
        Assert.That(_host.Connector.Ports.Lost, Has.Length.EqualTo(1));
        await _host.Dataplane.UpdateAsync(Id("a"), new(Labels: ImmutableSortedDictionary<string, string>.Empty), CancellationToken.None);
        Assert.That(Open("a"), Is.EqualTo(new[] { "*:8081>80" }), "its traffic is the other's");

        _host.Kernel.Taken.Clear();
        await _host.Connector.Ports.RetakeAsync(CancellationToken.None);
        Assert.That(_host.Connector.Ports.Lost, Is.Empty);
        Assert.That(Open("a"), Is.EqualTo(new[] { "*:8080>80", "*:8081>80" }));
    }

    [Test]
    public async Task Of_two_that_race_for_one_port_one_is_refused()
    {
        var both = await Task.WhenAll(new[] { "a", "b" }.Select(async name =>
        {
            try
            {
                await ConnectAsync(name, Tcp(8080));
                return true;
            }
            catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
            {
                return false;
            }
        }));
        Assert.That(both, Is.EquivalentTo(new[] { true, false }));
    }

    [TestCase(-1, 0, 80, null, "Ports[0].HostPort")]
    [TestCase(65536, 0, 80, null, "Ports[0].HostPort")]
    [TestCase(80, 79, 80, null, "Ports[0].HostPortEnd")]
    [TestCase(0, 80, 80, null, "Ports[0].HostPortEnd")]
    [TestCase(80, 0, 0, null, "Ports[0].ContainerPort")]
    [TestCase(80, 0, 80, "::1", "Ports[0].HostIp")]
    [TestCase(80, 0, 80, "fe80::1", "Ports[0].HostIp")]
    [TestCase(80, 0, 80, "224.0.0.1", "Ports[0].HostIp")]
    [TestCase(80, 0, 80, "2001:db8::1", "Ports[0].HostIp")]
    public async Task What_is_no_port_is_refused_by_its_field(int host, int end, int container, string? ip, string path)
    {
        var refused = await RefusedAsync("a", Tcp(host, ip, end, container));
        Assert.That((refused.Problem, refused.Path), Is.EqualTo((Problem.Invalid, path)));
        Assert.That(await _host.LeftNowAsync(), Is.Empty);
    }

    [Test]
    public async Task The_same_port_twice_and_a_kernel_that_cannot_are_refused()
    {
        Assert.That((await RefusedAsync("a", Tcp(8080), Tcp(8080, container: 81))).Message, Does.Contain("asked for twice"));
        _host.Kernel.WhyNoPorts = "this kernel has no nat";
        var refused = await RefusedAsync("a", Tcp(8080));
        Assert.That((refused.Problem, refused.Path, refused.Message), Is.EqualTo((Problem.Unsupported, "Ports", "this kernel has no nat")));
    }

    [Test]
    public async Task A_ports_profile_that_the_store_has_not_told_of_opens_nothing_beside_a_persons()
    {
        var ct = CancellationToken.None;
        var none = ImmutableSortedDictionary<string, string>.Empty;
        await ConnectAsync("a", Tcp(8080));
        var edited = Kinds.Profile.New(new ObjectMeta { Name = "net" }, new() { Ingress = [new() { Action = "Allow" }] });
        _host.View.Accept(new(SyncStatus.InSync, 9, [new(AdapterProfile.KeyOf("net"), edited)]));
        var publish = await _host.Profiles.EnsureAsync("publish.tcp-80", new(false, none) { OpenPorts = [Tcp(0)] }, ct);
        _host.View.Accept(new(SyncStatus.InSync, 10, [new(AdapterProfile.KeyOf("publish.tcp-80"), null)]));
        Assert.That(_host.View.Find(AdapterProfile.KeyOf("publish.tcp-80")), Is.Null, "as while its watch is late");
        await _host.Dataplane.UpdateAsync(Id("a"), new(Profiles: ["net", publish]), ct);
        Assert.That((await _host.Network.FindAsync(Id("a"), ct))!.Profiles, Is.EqualTo(new[] { "net" }));
    }

    [Test]
    public async Task A_profile_that_a_person_has_written_decides_alone()
    {
        var ct = CancellationToken.None;
        var none = ImmutableSortedDictionary<string, string>.Empty;
        var net = await _host.Profiles.EnsureAsync("net", new(false, none), ct);
        var publish = await _host.Profiles.EnsureAsync("publish.tcp-80", new(false, none) { OpenPorts = [Tcp(0)] }, ct);
        await ConnectAsync("a", Tcp(8080));
        await _host.Dataplane.UpdateAsync(Id("a"), new(Profiles: [net, publish]), ct);
        Assert.That((await _host.Network.FindAsync(Id("a"), ct))!.Profiles, Has.Length.EqualTo(2));

        var edited = Kinds.Profile.New(new ObjectMeta { Name = "net" }, new() { Ingress = [new() { Action = "Allow" }] });
        _host.View.Accept(new(SyncStatus.InSync, 9, [new(AdapterProfile.KeyOf("net"), edited)]));
        var upkeep = new EndpointUpkeep(_host.Connector, null!, null, _host.View.Find, new(new(), new(NullLogger<HostMeters>.Instance),
            TimeProvider.System, NullLoggerFactory.Instance));
        await upkeep.OverruleAsync(ct);
        Assert.That((await _host.Network.FindAsync(Id("a"), ct))!.Profiles, Is.EqualTo(new[] { "net" }), "one that was open already");
        Assert.That(Open("a"), Is.EqualTo(new[] { "*:8080>80" }), "it leads there; the profile decides");
        await _host.Dataplane.UpdateAsync(Id("a"), new(Profiles: [net, publish]), ct);
        Assert.That((await _host.Network.FindAsync(Id("a"), ct))!.Profiles, Is.EqualTo(new[] { "net" }), "and the next");
    }
}
