using System.Runtime.Versioning;
using Calico.Plugins.Mesos.V1;
using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using NUnit.Framework;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Calico.UnitTests.Mesos;

/// <summary>What the isolator refuses over gRPC: the status, and the field in its details; nothing is left behind.</summary>
[TestFixture, Parallelizable]
[UnsupportedOSPlatform("windows")]
public sealed class IsolatorErrorTests
{
    private MesosHarness _mesos = null!;

    [SetUp]
    public async Task StartAsync() => _mesos = await MesosHarness.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _mesos.DisposeAsync();

    private static IEnumerable<TestCaseData> Networks()
    {
        yield return new(new NetworkInfo(), "network_infos.name");
        yield return new(new NetworkInfo { Name = "a/b" }, "network_infos.name");
        yield return new(new NetworkInfo { Name = "ksa.default.web" }, "network_infos.name");
        yield return new(new NetworkInfo { Name = "n", Groups = { "" } }, "network_infos.groups");
        yield return new(new NetworkInfo { Name = "n", Groups = { "projectcalico-default-allow" } }, "network_infos.groups");
        yield return new(new NetworkInfo { Name = "n", Groups = { "publish.tcp-80" } }, "network_infos.groups");
        yield return new(new NetworkInfo { Name = "n", Groups = { "default_node-2" } }, "network_infos.groups");
        yield return new(new NetworkInfo { Name = "Default_node-2" }, "network_infos.name");
        yield return new(new NetworkInfo { Name = "n", Groups = { new string('a', 64) } }, "network_infos.groups");
        yield return new(new NetworkInfo { Name = "n", Groups = { "pcns.projectcalico.org/name" } }, "network_infos.groups");
        yield return new(new NetworkInfo { Name = "n", IpAddresses = { Asked("10.65.0") } }, "network_infos.ip_addresses.ip_address");
        yield return new(new NetworkInfo { Name = "n", IpAddresses = { Asked("fe80::1%eth0") } }, "network_infos.ip_addresses.ip_address");
        yield return new(new NetworkInfo { Name = "n",
            IpAddresses = { Asked("10.65.0.9", NetworkInfo.Types.Protocol.Ipv6) } }, "network_infos.ip_addresses.ip_address");
        yield return new(new NetworkInfo { Name = "n", IpAddresses = { Asked("10.65.0.9"), Asked("") } }, "network_infos.ip_addresses");
        yield return new(new NetworkInfo { Name = "n", IpAddresses = { Enumerable.Repeat(Asked(""), 65) } }, "network_infos.ip_addresses");
        yield return new(new NetworkInfo { Name = "n", LeaseUid = "u", IpAddresses = { Asked("10.65.0.9") } }, "network_infos.lease_uid");
        yield return new(new NetworkInfo { Name = "n",
            PortMappings = { new NetworkInfo.Types.PortMapping { HostPort = 80 } } }, "network_infos.port_mappings");
        yield return new(new NetworkInfo { Name = "n",
            PortMappings = { new NetworkInfo.Types.PortMapping { HostPort = 70000, ContainerPort = 80 } } }, "network_infos.port_mappings");
        yield return new(new NetworkInfo { Name = "n",
            PortMappings = { new NetworkInfo.Types.PortMapping { ContainerPort = 80,
            Protocol = "icmp" } } }, "network_infos.port_mappings.protocol");
    }

    [TestCaseSource(nameof(Networks))]
    public Task M18_a_network_that_cannot_be_is_refused_by_its_field(NetworkInfo network, string field) =>
        AssertRefusedAsync(() => _mesos.PrepareAsync("c", network), StatusCode.InvalidArgument, field);

    [TestCase("a/b")]
    [TestCase("a b")]
    [TestCase("ü")]
    public Task M18_a_container_id_that_cannot_be_is_refused(string id) =>
        AssertRefusedAsync(() => _mesos.PrepareAsync(id, new NetworkInfo { Name = "n" }), StatusCode.InvalidArgument, "container_id");

    [Test]
    public async Task M18_what_is_missing_or_unknown_is_named()
    {
        await AssertRefusedAsync(() => _mesos.Isolator.PrepareAsync(new()).ResponseAsync, StatusCode.InvalidArgument, "container_id");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.IsolateAsync(new() { ContainerId = MesosHarness.Id("c") }).ResponseAsync, StatusCode.InvalidArgument, "pid");
        await AssertRefusedAsync(() => _mesos.IsolateAsync("c"), StatusCode.NotFound, "container_id");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.StatusAsync(new() { ContainerId = MesosHarness.Id("c") }).ResponseAsync, StatusCode.NotFound, "container_id");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.UsageAsync(new() { ContainerId = MesosHarness.Id("c") }).ResponseAsync, StatusCode.NotFound, "container_id");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.UpdateAsync(new() { ContainerId = MesosHarness.Id("c") }).ResponseAsync, StatusCode.NotFound, "container_id");
        await AssertRefusedAsync(() =>
            _mesos.PrepareAsync("c", new NetworkInfo { Name = "n", LeaseUid = "nobodys" }), StatusCode.NotFound, "lease_uid");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.AllocateAsync(new() { NumIpv4 = 1 }).ResponseAsync, StatusCode.InvalidArgument, "uid");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.AllocateAsync(new() { Uid = "u" }).ResponseAsync, StatusCode.InvalidArgument, "num_ipv4");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.AllocateAsync(new() { Uid = "u", NumIpv6 = 65 }).ResponseAsync, StatusCode.InvalidArgument, "num_ipv6");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.ReserveAsync(new() { Uid = "u" }).ResponseAsync, StatusCode.InvalidArgument, "addresses");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.ReserveAsync(new() { Uid = "u", Addresses = { "x" } }).ResponseAsync, StatusCode.InvalidArgument, "addresses");
        await AssertRefusedAsync(() => _mesos.Isolator.ReleaseAsync(new()).ResponseAsync, StatusCode.InvalidArgument, "uid");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.ReleaseAsync(new() { Uid = "u", Addresses = { "10.65.0.9" } }).ResponseAsync,
            StatusCode.InvalidArgument, "uid");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.RecoverAsync(new() { Agent = "a b" }).ResponseAsync, StatusCode.InvalidArgument, "agent");
        await AssertRefusedAsync(() =>
            _mesos.Isolator.RecoverAsync(new() { Containers = { new RecoverRequest.Types.Container() } }).ResponseAsync,
            StatusCode.InvalidArgument, "containers.container_id");
    }

    [Test]
    public async Task M18_networks_are_bounded_and_have_names_of_their_own()
    {
        await AssertRefusedAsync(() =>
            _mesos.PrepareAsync("c", new NetworkInfo { Name = "n" }, new NetworkInfo { Name = "n" }),
            StatusCode.InvalidArgument, "network_infos.name");
        await AssertRefusedAsync(() =>
            _mesos.PrepareAsync("c", [.. Enumerable.Range(0, 9).Select(i => new NetworkInfo { Name = $"n{i}" })]),
            StatusCode.InvalidArgument, "network_infos");
    }

    [Test]
    public async Task M18_a_process_that_is_not_there_or_is_another_by_now_is_not_isolated()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "n" });
        await AssertRefusedAsync(() => IsolateAsync("c", int.MaxValue, 0), StatusCode.NotFound, "pid", prepared: 1);
        await AssertRefusedAsync(() => IsolateAsync("c", MesosHarness.Pid, 1), StatusCode.NotFound, "start_time", prepared: 1);
        _mesos.Node.Faults.FailAt("namespaces.open",
            new CalicoException(Problem.Invalid, "process is in the host's own network namespace", "placement.namespace"));
        await AssertRefusedAsync(() => IsolateAsync("c", MesosHarness.Pid, 0), StatusCode.InvalidArgument, "pid", prepared: 1);
        Assert.That(_mesos.Node.Links, Is.Empty);
    }

    [Test]
    public async Task M18_a_container_is_isolated_with_one_process()
    {
        await _mesos.PrepareAsync("c", new NetworkInfo { Name = "n" });
        await _mesos.IsolateAsync("c");
        // init lives, and is another.
        await AssertRefusedAsync(() => IsolateAsync("c", 1, 0), StatusCode.AlreadyExists, "pid", prepared: 1);
        await AssertRefusedAsync(() =>
            _mesos.PrepareAsync("c", new NetworkInfo { Name = "other" }), StatusCode.AlreadyExists, "container_id", prepared: 1);
        await _mesos.PrepareAsync("c.child");
        await AssertRefusedAsync(() => IsolateAsync("c.child", 1, 0), StatusCode.InvalidArgument, "pid", prepared: 1);
        await AssertRefusedAsync(() =>
            _mesos.Isolator.UpdateAsync(new() { ContainerId = MesosHarness.Id("c"), NetworkInfos = { new NetworkInfo { Name = "other" } } })
            .ResponseAsync,
            StatusCode.NotFound, "network_infos.name", prepared: 1);
    }

    [Test]
    public async Task M18_a_message_that_is_too_large_is_refused()
    {
        var network = new NetworkInfo { Name = "n", Labels = { new Label { Key = "k", Value = new string('x', 10 << 20) } } };
        Assert.That((await MesosHarness.RefusedAsync(() => _mesos.PrepareAsync("c", network))).StatusCode,
            Is.EqualTo(StatusCode.ResourceExhausted));
    }

    [Test]
    public async Task M18_a_fault_that_nobody_expected_is_internal_and_not_told()
    {
        _mesos.Node.Faults.FailAt("ipam.claim", new InvalidOperationException("a secret"));
        var refused = await MesosHarness.RefusedAsync(async () => await _mesos.Isolator.AllocateAsync(new() { Uid = "u", NumIpv4 = 1 }));
        Assert.That((refused.StatusCode, refused.Status.Detail),
            Is.EqualTo((StatusCode.Internal, "allocate failed in a way nobody expected; calico-host's log has it")));
    }

    [Test]
    public async Task M18_health_says_whether_a_container_can_be_connected()
    {
        var client = new Health.HealthClient(_mesos.Channel);
        Assert.That((await client.CheckAsync(new() { Service = "calico.mesos.v1.Isolator" })).Status, Is.EqualTo(ServingStatus.Serving));
        _mesos.Node.Status.CanConnect = (false, ["not in sync"]);
        Assert.That((await client.CheckAsync(new())).Status, Is.EqualTo(ServingStatus.NotServing));
        Assert.That((await MesosHarness.RefusedAsync(async () => await client.CheckAsync(new() { Service = "another" }))).StatusCode,
            Is.EqualTo(StatusCode.NotFound));
    }

    [Test]
    public async Task M18_reflection_lists_the_isolator()
    {
        var client = new Grpc.Reflection.V1Alpha.ServerReflection.ServerReflectionClient(_mesos.Channel);
        using var call = client.ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new() { ListServices = "" });
        Assert.That(await call.ResponseStream.MoveNext(CancellationToken.None), Is.True);
        Assert.That(call.ResponseStream.Current.ListServicesResponse.Service.Select(s => s.Name), Does.Contain("calico.mesos.v1.Isolator"));
    }

    private async Task IsolateAsync(string id, uint pid, ulong start) =>
        await _mesos.Isolator.IsolateAsync(new() { ContainerId = MesosHarness.Id(id), Pid = pid, StartTime = start });

    private async Task AssertRefusedAsync(Func<Task> call, StatusCode code, string field, int prepared = 0)
    {
        var refused = await MesosHarness.RefusedAsync(call);
        var status = refused.GetRpcStatus();
        Assert.That((refused.StatusCode, status?.GetDetail<BadRequest>()?.FieldViolations.Single().Field), Is.EqualTo((code, field)),
            refused.Status.Detail);
        Assert.That(status!.GetDetail<ErrorInfo>().Domain, Is.EqualTo("calico.net"));
        Assert.That(_mesos.Node.Endpoints, Has.Length.EqualTo(prepared), "left behind");
    }

    private static NetworkInfo.Types.IPAddress Asked(string address, NetworkInfo.Types.Protocol protocol = default) =>
        new() { Protocol = protocol, IpAddress = address };
}
