using System.Diagnostics.CodeAnalysis;
using System.Runtime.Versioning;
using System.Text;
using Calico.Plugins.Cni.Protocol;
using Calico.Shim.Wire;
using NUnit.Framework;
using static Calico.UnitTests.Cni.CniAnswer;

namespace Calico.UnitTests.Cni;

/// <summary>What the specification and upstream expect beside ADD and DEL.</summary>
[SuppressMessage("Design", "CA1001", Justification = "TearDown disposes it.")]
[UnsupportedOSPlatform("windows")]
public sealed class CniMannersTests
{
    private const string Ours = """{"cniVersion":"1.1.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"}}""";

    private CniHarness _cni = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _cni = new CniHarness();
        await _cni.StartAsync();
    }

    [TearDown]
    public async Task StopAsync() => await _cni.DisposeAsync();

    [TestCase("\"ipv4_pools\":[\"gone\"]", "ipam.ipv4_pools[0]")]
    [TestCase("\"ipv4_pools\":[\"pool4\",\"10.9.0.0/24\"]", "ipam.ipv4_pools[1]")]
    [TestCase("\"assign_ipv6\":\"true\",\"ipv6_pools\":[\"gone\"]", "ipam.ipv6_pools[0]")]
    public async Task C7_status_says_that_a_pool_of_the_network_is_not_there(string ipam, string field)
    {
        var conf = Ours.Replace("\"type\":\"calico-ipam\"", "\"type\":\"calico-ipam\"," + ipam, StringComparison.Ordinal);
        AssertError(await _cni.CallAsync("STATUS", conf), CniCode.NotAvailable, field);
    }

    [Test]
    public async Task C7_status_says_that_no_pool_gives_addresses_of_the_family()
    {
        Assert.That((await _cni.CallAsync("STATUS", Ours)).ExitCode, Is.Zero);
        _cni.Node.Pools = [.. _cni.Node.Pools.Select(p => p with { Disabled = true })];
        AssertError(await _cni.CallAsync("STATUS", Ours), CniCode.NotAvailable, "no IP pool of IPv4 is enabled");
        AssertError(await _cni.CallAsync("STATUS",
            Ours.Replace("\"type\":\"calico-ipam\"", "\"type\":\"calico-ipam\",\"ipv4_pools\":[\"pool4\"]", StringComparison.Ordinal)),
            CniCode.NotAvailable, "pool4");
    }

    [TestCase("cni.dev/valid-attachments")]
    [TestCase("cni.dev/attachments")]
    public async Task C7_gc_takes_both_names_of_the_list_and_an_empty_one_means_that_nothing_is_left(string field)
    {
        await _cni.CallAsync("ADD", Ours);
        await _cni.CallAsync("ADD", Ours, containerId: "c2");
        string With(string list) =>
            Ours.Replace("\"type\":\"calico\",", $"\"type\":\"calico\",\"{field}\":{list},", StringComparison.Ordinal);

        Assert.That((await _cni.CallAsync("GC", With("""[{"containerID":"c2","ifname":"eth0"}]"""))).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints.Select(e => e.Spec.Instance), Is.EqualTo(new[] { "c2" }));
        AssertError(await _cni.CallAsync("GC", With("null")), CniCode.InvalidConfiguration, "valid-attachments");
        Assert.That((await _cni.CallAsync("GC", With("[]"))).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints, Is.Empty);
    }

    [TestCase("0.3.1", "0.3.1")]
    [TestCase("1.1.0", "1.1.0")]
    [TestCase("9.9.9", "9.9.9")]
    [TestCase("", "0.2.0")]
    public async Task C7_an_error_names_the_version_of_the_configuration_whatever_is_wrong(string version, string answered)
    {
        var conf = Ours.Replace("1.1.0", version, StringComparison.Ordinal);
        var wrongEnvironment = await _cni.CallAsync("ADD", conf, containerId: "-bad");
        var wrongVerb = await _cni.CallAsync("JUMP", conf);
        var wrongName = await _cni.CallAsync("ADD", conf.Replace("net1", "a/b", StringComparison.Ordinal));

        foreach (var reply in (ShimReply[])[wrongEnvironment, wrongVerb, wrongName])
        {
            Assert.That(reply.ExitCode, Is.EqualTo(1));
            Assert.That(Encoding.UTF8.GetString(reply.Output.Span), Does.StartWith($"{{\"cniVersion\":\"{answered}\""));
        }
    }

    [Test]
    public async Task C8_addresses_without_ipam_are_a_thing_of_kubernetes()
    {
        const string Conf = """{"cniVersion":"1.0.0","name":"net1","type":"calico","ipam":{"type":"calico-ipam"},"feature_control":{"ip_addrs_no_ipam":true}POLICY}""";
        AssertError(await _cni.CallAsync("ADD", Conf.Replace("POLICY", "", StringComparison.Ordinal)), CniCode.InvalidConfiguration,
            "ip_addrs_no_ipam");
        Assert.That((await _cni.CallAsync("ADD",
            Conf.Replace("POLICY", ",\"policy\":{\"type\":\"k8s\"}", StringComparison.Ordinal))).ExitCode, Is.Zero);
        Assert.That((await _cni.CallAsync("DEL", Conf.Replace("POLICY", "", StringComparison.Ordinal))).ExitCode, Is.Zero);
    }

    [Test]
    public async Task C8_a_second_add_under_another_networks_name_keeps_both_profiles_also_when_it_is_made_anew()
    {
        await _cni.CallAsync("ADD", Ours);
        var other = Ours.Replace("net1", "net2", StringComparison.Ordinal);
        Assert.That((await _cni.CallAsync("ADD", other)).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints.Single().Attachment.Profiles, Is.EqualTo(new[] { "net1", "net2" }));

        _cni.Node.LoseLink(_cni.Node.Endpoints.Single().Attachment.HostInterface);
        Assert.That((await _cni.CallAsync("ADD", other)).ExitCode, Is.Zero);
        Assert.That((await _cni.CallAsync("ADD", Ours)).ExitCode, Is.Zero);
        Assert.That(_cni.Node.Endpoints.Single().Attachment.Profiles, Is.EqualTo(new[] { "net1", "net2" }));
    }

    [TestCase("all")]
    [TestCase("default")]
    public async Task C7_a_name_that_the_kernels_settings_use_for_all_links_is_refused(string name)
    {
        var reply = await _cni.CallAsync("ADD", Ours, interfaceName: name);
        Assert.That(reply.ExitCode, Is.EqualTo(1));
        Assert.That(Text(reply), Does.Contain("\"code\":4").And.Contain("CNI_IFNAME"));
    }
}
