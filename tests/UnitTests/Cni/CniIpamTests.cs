using System.Diagnostics.CodeAnalysis;
using System.Runtime.Versioning;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;
using NUnit.Framework;
using static Calico.UnitTests.Cni.CniAnswer;

namespace Calico.UnitTests.Cni;

/// <summary>calico-ipam under another network plugin.</summary>
[UnsupportedOSPlatform("windows")]
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
public sealed class CniIpamTests
{
    private const string Ours = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";

    private CniHarness _cni = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _cni = new CniHarness();
        await _cni.StartAsync();
    }

    [TearDown]
    public async Task StopAsync() => await _cni.DisposeAsync();

    [Test]
    public async Task Calico_ipam_alone_claims_for_others_and_frees_by_handle()
    {
        var add = await _cni.CallAsync("ADD",
            """{"cniVersion":"0.4.0","name":"macnet","type":"macvlan","ipam":{"type":"calico-ipam","assign_ipv6":"true"}}""",
            role: ShimRole.Ipam);

        Assert.That(add.ExitCode, Is.Zero, Text(add));
        Assert.That(Text(add), Does.Contain("\"address\":\"10.65.0.0/26\"").And.Contain("\"address\":\"fd80:24e2:f998:72d6::/122\"").And
            .Contain("\"dst\":\"10.65.0.0/24\""));
        Assert.That(_cni.Node.Leases.Select(l => (l.Purpose, l.Handle, l.Owner)),
            Is.All.EqualTo((LeasePurpose.Foreign, "macnet.c1", "macnet")));
        var del = await _cni.CallAsync("DEL", """{"cniVersion":"0.4.0","name":"macnet","type":"macvlan","ipam":{"type":"calico-ipam"}}""",
            netns: "", role: ShimRole.Ipam);
        Assert.That(del.ExitCode, Is.Zero, Text(del));
        Assert.That(_cni.Node.Leases, Is.Empty);
    }

    [Test]
    public async Task Calico_ipam_alone_frees_nothing_of_an_endpoint_of_ours()
    {
        await _cni.CallAsync("ADD", Ours);
        await _cni.CallAsync("DEL", Ours, role: ShimRole.Ipam);

        Assert.That(_cni.Node.Leases, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Calico_ipam_collects_and_checks_its_own()
    {
        var conf = """{"cniVersion":"1.1.0","name":"macnet","type":"macvlan","ipam":{"type":"calico-ipam"},"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]}""";
        await _cni.CallAsync("ADD", conf, role: ShimRole.Ipam);
        await _cni.CallAsync("ADD", conf, containerId: "c2", role: ShimRole.Ipam);
        var gc = await _cni.CallAsync("GC", conf, role: ShimRole.Ipam);

        Assert.That(gc.ExitCode, Is.Zero, Text(gc));
        Assert.That(_cni.Node.Leases.Single().Handle, Is.EqualTo("macnet.c1"));
        Assert.That((await _cni.CallAsync("CHECK", conf, role: ShimRole.Ipam)).ExitCode, Is.Zero);
        AssertError(await _cni.CallAsync("CHECK", conf, containerId: "c2", role: ShimRole.Ipam), CniCode.UnknownContainer, "c2");
    }

    [Test]
    public async Task A12_a_container_whose_handle_reads_like_anothers_keeps_its_address()
    {
        const string Of = """{"cniVersion":"1.1.0","name":"NAME","type":"macvlan","ipam":{"type":"calico-ipam"},"cni.dev/valid-attachments":[{"containerID":"b.c","ifname":"eth0"}]}""";
        var (a, ab, none) = (Of.Replace("NAME", "a", StringComparison.Ordinal), Of.Replace("NAME", "a.b", StringComparison.Ordinal),
            Of.Replace("NAME", "other", StringComparison.Ordinal));
        var first = await _cni.CallAsync("ADD", a, containerId: "b.c", role: ShimRole.Ipam);
        var second = await _cni.CallAsync("ADD", ab, containerId: "c", role: ShimRole.Ipam);
        Assert.That(AddressIn(second), Is.Not.EqualTo(AddressIn(first)));

        await _cni.CallAsync("DEL", ab, containerId: "c", role: ShimRole.Ipam);
        // Before version 3 a handle was the container's id alone.
        await _cni.CallAsync("DEL", none, containerId: "a.b.c", role: ShimRole.Ipam);
        await _cni.CallAsync("GC", a, containerId: "", role: ShimRole.Ipam);
        Assert.That(_cni.Node.Leases.Select(l => l.Owner), Is.EqualTo(new[] { "a" }));
        await _cni.CallAsync("DEL", a, containerId: "b.c", role: ShimRole.Ipam);
        Assert.That(_cni.Node.Leases, Is.Empty);
    }

    [Test]
    public void A12_no_two_containers_have_handles_that_differ_by_case_or_not_at_all()
    {
        string[] names = ["a", "A", "a.b", "A.b", "a.B", "b", "B", "b.c", "a_b", "a-b", "Web", "web", "a."];
        var handles = names.SelectMany(n => names.Select(c => Calico.Plugins.Cni.EndpointPlanner.HandleOf(n, c).ToLowerInvariant()))
            .ToList();
        Assert.That(handles, Is.Unique);
        Assert.That(Calico.Plugins.Cni.EndpointPlanner.HandleOf("k8s-pod-network", "0a1b"), Is.EqualTo("k8s-pod-network.0a1b"));
    }

    [Test]
    public async Task An_explicit_address_comes_whole()
    {
        var reply = await _cni.CallAsync("ADD", Ours, args: "IP=10.65.0.77", role: ShimRole.Ipam);

        Assert.That(AddressIn(reply), Is.EqualTo("10.65.0.77/32"));
    }
}
