using System.Collections.Immutable;
using System.Runtime.Versioning;
using Calico.Plugins.Mesos.V1;
using Grpc.Core;
using NUnit.Framework;

namespace Calico.UnitTests.Mesos;

/// <summary>A container's life over gRPC, in the order in which an agent calls.</summary>
[TestFixture, Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class IsolatorTests
{
    private MesosHarness _mesos = null!;

    [SetUp]
    public async Task StartAsync() => _mesos = await MesosHarness.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _mesos.DisposeAsync();

    [Test]
    public async Task M18_a_life_from_prepare_to_cleanup()
    {
        var prepared = await _mesos.PrepareAsync("c", new NetworkInfo { Name = "net", Labels = { new Label { Key = "org/role",
            Value = "web" } } });
        Assert.Multiple(() =>
        {
            Assert.That(prepared.Managed, Is.True);
            Assert.That(prepared.Environment, Is.EqualTo(new Dictionary<string, string> { ["LIBPROCESS_IP"] = "10.65.0.0" }));
            Assert.That(prepared.CloneNamespaces, Is.EqualTo(new[] { "NEWNET" }));
            Assert.That(Texts(prepared.NetworkInfos.Single()), Is.EqualTo(new[] { "10.65.0.0" }));
            Assert.That(_mesos.Node.Links, Is.Empty, "nothing in the kernel yet");
        });
        var status = await _mesos.IsolateAsync("c");
        var endpoint = _mesos.Node.Endpoints.Single();
        Assert.Multiple(() =>
        {
            Assert.That(status.Interfaces.Single().State, Is.EqualTo("Enforced"));
            Assert.That(endpoint.Spec.Id, Is.EqualTo(new WorkloadEndpointId("mesos", "c", "eth0")));
            Assert.That(endpoint.Spec.Profiles, Is.EqualTo(new[] { "default_node-1", "net" }));
            Assert.That(endpoint.Spec.Labels, Is.EqualTo(ImmutableSortedDictionary<string, string>.Empty.Add("org.role", "web")));
        });
        Assert.That((await StatusAsync("c")).NetworkInfos.Single().Labels.Single().Key, Is.EqualTo("org/role"), "as it was asked");
        await CleanupAsync("c");
        AssertNothingIsLeft();
        await CleanupAsync("c");
    }

    [Test]
    public async Task M18_each_call_may_come_again()
    {
        var network = new NetworkInfo { Name = "net" };
        var first = await _mesos.PrepareAsync("c", network);
        Assert.That(await _mesos.PrepareAsync("c", network), Is.EqualTo(first));
        var isolated = await _mesos.IsolateAsync("c");
        Assert.That(await _mesos.IsolateAsync("c"), Is.EqualTo(isolated));
        Assert.That(_mesos.Node.Leases, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task M18_each_call_may_come_again_over_a_restart_of_the_host()
    {
        var network = new NetworkInfo { Name = "net", Groups = { "a" }, PortMappings = { new NetworkInfo.Types.PortMapping { HostPort = 80,
            ContainerPort = 8080, Protocol = "tcp" } } };
        var first = await _mesos.PrepareAsync("c", network);
        await _mesos.RestartAsync();
        Assert.That(await _mesos.PrepareAsync("c", network), Is.EqualTo(first));
        var isolated = await _mesos.IsolateAsync("c");
        await _mesos.RestartAsync();
        Assert.That(await _mesos.IsolateAsync("c"), Is.EqualTo(isolated));
        Assert.That(await StatusAsync("c"), Is.EqualTo(isolated));
        await _mesos.RestartAsync();
        await CleanupAsync("c");
        AssertNothingIsLeft();
    }

    [Test]
    public async Task M18_several_networks_are_interfaces_of_one_namespace()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "one" }, new NetworkInfo { Name = "two", Groups = { "public", "b" } });
        var status = await _mesos.IsolateAsync("c");
        Assert.That(status.Interfaces.Select(i => (i.InterfaceName, i.Network)), Is.EqualTo(new[] { ("eth0", "one"), ("eth1", "two") }));
        var endpoints = _mesos.Node.Endpoints.OrderBy(e => e.Spec.Id.Endpoint).ToArray();
        Assert.That(endpoints.Select(e => string.Join(' ', e.Spec.Profiles)),
            Is.EqualTo(new[] { "default_node-1 one", "default_node-1 public b" }));
        Assert.That(endpoints.Select(e => e.Attachment.Gateway4!.ToString()), Is.EquivalentTo(new[] { "169.254.1.1", "169.254.1.2" }));
    }

    [Test]
    public async Task M18_both_families_and_addresses_that_are_asked_for()
    {
        var both = new NetworkInfo { Name = "net", IpAddresses = { Asked(NetworkInfo.Types.Protocol.Ipv4),
            Asked(NetworkInfo.Types.Protocol.Ipv6) } };
        Assert.That(Texts((await _mesos.PrepareAsync("c", both)).NetworkInfos.Single()),
            Is.EqualTo(new[] { "10.65.0.0", "fd80:24e2:f998:72d6::" }));
        var exact = new NetworkInfo { Name = "net", IpAddresses = { Asked(NetworkInfo.Types.Protocol.Ipv6, "fd80:24e2:f998:72d6::9"),
            Asked(default, "10.65.0.9") } };
        var prepared = await _mesos.PrepareAsync("d", exact);
        Assert.That(Texts(prepared.NetworkInfos.Single()), Is.EquivalentTo(new[] { "10.65.0.9", "fd80:24e2:f998:72d6::9" }));
        Assert.That(prepared.Environment["LIBPROCESS_IP"], Is.EqualTo("10.65.0.9"));
    }

    [Test]
    public async Task M18_a_nested_container_shares_its_parents_network_or_has_its_own()
    {
        await _mesos.PrepareAsync("p", new NetworkInfo { Name = "net" });
        await _mesos.IsolateAsync("p");
        var shared = await _mesos.PrepareAsync("p.child");
        Assert.That((shared.Managed, shared.CloneNamespaces.Count, shared.Environment["LIBPROCESS_IP"]),
            Is.EqualTo((true, 0, "10.65.0.0")));
        var status = await _mesos.IsolateAsync("p.child");
        Assert.That((status.SharesNetworkOf.Value, Texts(status.NetworkInfos.Single())[0]), Is.EqualTo(("p", "10.65.0.0")));
        Assert.That((await _mesos.PrepareAsync("p.child.grandchild")).Managed, Is.True);
        Assert.That((await StatusAsync("p.child.grandchild")).SharesNetworkOf.Value, Is.EqualTo("p"));
        var own = await _mesos.PrepareAsync("p.other", new NetworkInfo { Name = "net" });
        Assert.That((own.CloneNamespaces.Count, own.Environment["LIBPROCESS_IP"]), Is.EqualTo((1, "10.65.0.1")));
        await CleanupAsync("p.child.grandchild");
        await CleanupAsync("p.child");
        Assert.That(_mesos.Node.Endpoints, Has.Length.EqualTo(2), "the parent's is the parent's");
    }

    [Test]
    public async Task M18_a_container_without_networks_is_not_ours()
    {
        var prepared = await _mesos.PrepareAsync("c");
        Assert.That((prepared.Managed, prepared.Environment.Count, prepared.CloneNamespaces.Count), Is.EqualTo((false, 0, 0)));
        Assert.That((await _mesos.PrepareAsync("c.child")).Managed, Is.False);
        AssertNothingIsLeft();
    }

    [Test]
    public async Task M18_an_update_changes_labels_groups_and_ports_and_names_what_has_no_effect()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "net", Groups = { "a" } });
        await _mesos.IsolateAsync("c");
        var change = new NetworkInfo
        {
            Name = "net", Groups = { "b" }, Labels = { new Label { Key = "k", Value = "v" } }, IpAddresses = { Asked(default) },
            PortMappings = { new NetworkInfo.Types.PortMapping { HostPort = 8080, ContainerPort = 80 } },
        };
        var request = new UpdateRequest { ContainerId = MesosHarness.Id("c"), NetworkInfos = { change }, Resources = { ["cpus"] = 2,
            ["mem"] = 64 } };
        var response = await _mesos.Isolator.UpdateAsync(request);
        var spec = _mesos.Node.Endpoints.Single().Spec;
        Assert.Multiple(() =>
        {
            Assert.That(response.Ignored, Is.EqualTo(new[]
            {
                "resources: cpus changes no network", "resources: mem changes no network",
                "network_infos 'net': the addresses of a container do not change",
            }));
            Assert.That(spec.Profiles, Is.EqualTo(new[] { "default_node-1", "b", "publish.tcp-80" }));
            Assert.That(spec.Labels["k"], Is.EqualTo("v"));
            Assert.That(spec.Ports.Single().HostPort, Is.EqualTo(8080));
        });
        await _mesos.RestartAsync();
        Assert.That((await StatusAsync("c")).NetworkInfos.Single().Groups, Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public async Task M18_usage_has_a_line_for_each_interface_and_the_sum()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "one" }, new NetworkInfo { Name = "two" });
        Assert.That((await UsageAsync("c")).Interfaces, Is.Empty, "no interface yet");
        await _mesos.IsolateAsync("c");
        var usage = await UsageAsync("c");
        Assert.That((usage.Interfaces.Select(i => i.InterfaceName).Aggregate((a, b) => $"{a} {b}"), usage.Total.RxBytes),
            Is.EqualTo(("eth0 eth1", 0UL)));
    }

    [Test]
    public async Task M18_addresses_of_a_uid_are_bound_by_a_container_and_kept_ones_outlive_it()
    {
        var allocated = await _mesos.Isolator.AllocateAsync(new() { Uid = "Task-1", NumIpv4 = 1, NumIpv6 = 1, Keep = true });
        Assert.That((allocated.Ipv4.Single(), allocated.Ipv6.Single()), Is.EqualTo(("10.65.0.0", "fd80:24e2:f998:72d6::")));
        Assert.That(_mesos.Node.Leases.Select(l => l.Purpose), Is.All.EqualTo(LeasePurpose.Scheduler));
        var prepared = await _mesos.PrepareAsync("c", new NetworkInfo { Name = "net", LeaseUid = "Task-1" });
        Assert.That(Texts(prepared.NetworkInfos.Single()), Is.EqualTo(new[] { "10.65.0.0", "fd80:24e2:f998:72d6::" }));
        var released = await _mesos.Isolator.ReleaseAsync(new() { Uid = "Task-1" });
        Assert.That(released.Deferred, Is.EquivalentTo(new[] { "10.65.0.0", "fd80:24e2:f998:72d6::" }));
        await CleanupAsync("c");
        AssertNothingIsLeft();
    }

    [Test]
    public async Task M18_reserve_takes_all_or_none_and_release_of_an_address_frees_it()
    {
        await _mesos.Isolator.ReserveAsync(new() { Uid = "u", Addresses = { "10.65.0.9" } });
        var refused = await MesosHarness.RefusedAsync(async () => await _mesos.Isolator.ReserveAsync(new() { Uid = "v", Addresses =
            { "10.65.0.8", "10.65.0.9" } }));
        Assert.That(refused.StatusCode, Is.EqualTo(StatusCode.AlreadyExists));
        Assert.That(_mesos.Node.Leases.Select(l => l.Address.ToString()), Is.EqualTo(new[] { "10.65.0.9" }));
        Assert.That((await _mesos.Isolator.ReleaseAsync(new() { Addresses = { "10.65.0.9" } })).Deferred, Is.Empty);
        AssertNothingIsLeft();
    }

    [Test]
    public async Task M18_a_prepare_that_fails_at_the_second_network_leaves_nothing()
    {
        _mesos.Node.Faults.FailAt("dataplane.prepare", new CalicoException(Problem.Exhausted, "no address is left"), nth: 2);
        var refused = await MesosHarness.RefusedAsync(() => _mesos.PrepareAsync("c", new NetworkInfo { Name = "one" },
            new NetworkInfo { Name = "two" }));
        Assert.That((refused.StatusCode, refused.Status.Detail), Is.EqualTo((StatusCode.ResourceExhausted, "no address is left")));
        AssertNothingIsLeft();
        Assert.That((await _mesos.PrepareAsync("c", new NetworkInfo { Name = "one" })).Managed,
            Is.True, "and can be tried again, also otherwise");
    }

    [Test]
    public async Task M18_an_isolate_that_fails_at_the_second_network_leaves_no_interface_and_can_be_tried_again()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "one" }, new NetworkInfo { Name = "two" });
        _mesos.Node.Faults.FailAt("kernel.link", new CalicoException(Problem.Refused, "the kernel said no"), nth: 2);
        Assert.That((await MesosHarness.RefusedAsync(() => _mesos.IsolateAsync("c"))).StatusCode,
            Is.EqualTo(StatusCode.FailedPrecondition));
        Assert.That((_mesos.Node.Links.Length, _mesos.Node.Endpoints.Length), Is.EqualTo((0, 2)));
        Assert.That((await _mesos.IsolateAsync("c")).Interfaces, Has.Count.EqualTo(2));
    }

    private async Task CleanupAsync(string id) => await _mesos.Isolator.CleanupAsync(new() { ContainerId = MesosHarness.Id(id) });

    private async Task<ContainerStatus> StatusAsync(string id) =>
        (await _mesos.Isolator.StatusAsync(new() { ContainerId = MesosHarness.Id(id) })).Status;

    private async Task<UsageResponse> UsageAsync(string id) =>
        await _mesos.Isolator.UsageAsync(new() { ContainerId = MesosHarness.Id(id) });

    private void AssertNothingIsLeft() =>
        Assert.That((_mesos.Node.Endpoints.Length, _mesos.Node.Leases.Length, _mesos.Node.Links.Length), Is.EqualTo((0, 0, 0)));

    private static NetworkInfo.Types.IPAddress Asked(NetworkInfo.Types.Protocol protocol, string address = "") =>
        new() { Protocol = protocol, IpAddress = address };

    private static string[] Texts(NetworkInfo network) => [.. network.IpAddresses.Select(a => a.IpAddress)];
}
