using System.Net.Sockets;
using System.Text;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>What a Mesos task asks for in its NetworkInfo, by Mesos' own CNI isolator: done, or refused with the field.</summary>
[TestFixture, Parallelizable]
public sealed class MesosNetworkTests
{
    [Test]
    public async Task M18_groups_are_the_profiles_instead_of_the_networks()
    {
        await using var cni = await StartAsync();
        var (code, output) = await AddAsync(cni, """{"groups":["b","public","a","b"]}""");
        Assert.That(code, Is.Zero, output);
        Assert.That(cni.Node.Endpoints.Single().Spec.Profiles, Is.EqualTo(new[] { "public", "b", "a" }));
        Assert.That((cni.Node.MadeProfiles["public"].OpenIngress, cni.Node.MadeProfiles["a"].OpenIngress), Is.EqualTo((true, false)));
        Assert.That((await AddAsync(cni, """{"groups":["b","public","a","b"]}""")).Code, Is.Zero, "again");
        Assert.That(cni.Node.Endpoints.Single().Spec.Profiles, Is.EqualTo(new[] { "public", "b", "a" }));
    }

    [Test]
    public async Task M18_without_groups_it_is_the_networks()
    {
        await using var cni = await StartAsync();
        Assert.That((await AddAsync(cni, """{"groups":[]}""")).Code, Is.Zero);
        Assert.That(cni.Node.Endpoints.Single().Spec.Profiles, Is.EqualTo(new[] { "net" }));
    }

    [Test]
    public async Task M18_port_mappings_are_published_and_let_in()
    {
        await using var cni = await StartAsync();
        const string asked = """{"port_mappings":[{"host_port":8080,"container_port":80},{"container_port":53,"protocol":"UDP"}]}""";
        var (code, output) = await AddAsync(cni, asked);
        Assert.That(code, Is.Zero, output);
        var spec = cni.Node.Endpoints.Single().Spec;
        Assert.That(spec.Ports, Is.EqualTo(new[]
        {
            new PublishedPort(ProtocolType.Tcp, null, 8080, 0, 80), new PublishedPort(ProtocolType.Udp, null, 0, 0, 53),
        }));
        Assert.That(spec.Profiles, Is.EqualTo(new[] { "net", "publish.tcp-80.udp-53" }));
    }

    [TestCase("""{"groups":["default_node-2"]}""", "args.org.apache.mesos.network_info.groups: ")]
    [TestCase("""{"groups":["kns.default"]}""", "args.org.apache.mesos.network_info.groups: ")]
    [TestCase("""{"groups":["pcns.projectcalico.org/name"]}""", "args.org.apache.mesos.network_info.groups: ")]
    [TestCase("""{"groups":[7]}""", "args.org.apache.mesos.network_info.groups")]
    [TestCase("""{"port_mappings":[{"host_port":80}]}""", "args.org.apache.mesos.network_info.port_mappings[0].container_port: ")]
    [TestCase("""{"port_mappings":[{"host_port":70000,"container_port":80}]}""",
        "args.org.apache.mesos.network_info.port_mappings[0].host_port: ")]
    [TestCase("""{"port_mappings":[{"container_port":80,"protocol":"icmp"}]}""",
        "args.org.apache.mesos.network_info.port_mappings[0].protocol: ")]
    public async Task M18_what_cannot_be_is_refused_by_its_field(string networkInfo, string field)
    {
        await using var cni = await StartAsync();
        var (code, output) = await AddAsync(cni, networkInfo);
        Assert.That((code, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.Contain(field).And.Contain("\"code\":7"));
        Assert.That((cni.Node.Endpoints.Length, cni.Node.MadeProfiles.Count), Is.EqualTo((0, 0)));
    }

    private static async Task<CniHarness> StartAsync()
    {
        var cni = new CniHarness();
        await cni.StartAsync();
        return cni;
    }

    private static async Task<(int Code, string Output)> AddAsync(CniHarness cni, string networkInfo)
    {
        var reply = await cni.CallAsync("ADD",
            "{\"cniVersion\":\"0.2.0\",\"name\":\"net\",\"type\":\"calico\",\"ipam\":{\"type\":\"calico-ipam\"},"
            + "\"args\":{\"org.apache.mesos\":{\"network_info\":" + networkInfo + "}}}");
        return (reply.ExitCode, Encoding.UTF8.GetString(reply.Output.Span));
    }
}
