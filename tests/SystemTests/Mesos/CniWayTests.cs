using System.Text.Json.Nodes;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Mesos;

/// <summary>Mesos' own <c>network/cni</c> isolator, call by call as its source makes them: that environment and nothing else, no
/// <c>CNI_ARGS</c>, results of 0.2, the task's NetworkInfo in <c>args</c>.</summary>
[TestFixture, Parallelizable]
public sealed class CniWayTests : MesosScene
{
    protected override int Number => 63;

    [Test]
    public async Task M18_an_agent_that_has_restarted_adds_again_and_gets_what_it_had()
    {
        var task = await StartTaskAsync("again-1");
        var first = await AddAsync(task, task.Id, Conf("mesos-cni"));
        Assert.That(first["ips"], Is.Null, "the agent reads no list of addresses");
        Assert.That((string)first["ip4"]!["ip"]!, Does.EndWith("/32"));
        var second = await AddAsync(task, task.Id, Conf("mesos-cni"));
        Assert.That((string)second["ip4"]!["ip"]!, Is.EqualTo((string)first["ip4"]!["ip"]!));
        await DelAsync(task.Id, Conf("mesos-cni"), "eth0", task);
    }

    [Test]
    public async Task M18_a_nested_container_has_an_address_of_its_own_and_goes_alone()
    {
        var (parent, child) = (await StartTaskAsync("parent"), await StartTaskAsync("child"));
        var outer = AddressOf(await AddAsync(parent, "parent", Conf("mesos-cni")));
        var inner = AddressOf(await AddAsync(child, "parent.child", Conf("mesos-cni")));
        Assert.That(inner, Is.Not.EqualTo(outer));
        Assert.That(await parent.PingAsync(inner), Is.True, "one network");
        await DelAsync("parent.child", Conf("mesos-cni"), "eth0", child);
        Assert.That((await parent.RunAsync("ip -o addr show eth0")).Output, Does.Contain(outer));
        await DelAsync("parent", Conf("mesos-cni"), "eth0", parent);
    }

    [Test]
    public async Task M18_several_networks_of_a_container_are_attached_at_once()
    {
        (await Host.CalicoctlAsync("apply -f -", """
            apiVersion: projectcalico.org/v3
            kind: IPPool
            metadata: {name: second}
            spec: {cidr: 10.99.0.0/24}
            """)).OrThrow();
        var second = """{"cniVersion":"0.2.0","name":"second","type":"calico","ipam":{"type":"calico-ipam","ipv4_pools":["second"]}}""";
        var task = await StartTaskAsync("two-nets");
        var both = await Task.WhenAll(AddAsync(task, task.Id, Conf("mesos-cni")), AddAsync(task, task.Id, second, "eth1"));
        var links = (await task.RunAsync("ip -o -4 addr show")).Output;
        Assert.That(links, Does.Match($@"eth0 +inet {AddressOf(both[0])}/32").And.Match($@"eth1 +inet {AddressOf(both[1])}/32"));
        Assert.That(AddressOf(both[1]), Does.StartWith("10.99.0."));
        await Task.WhenAll(DelAsync(task.Id, Conf("mesos-cni"), "eth0", task), DelAsync(task.Id, second, "eth1", task));
        (await Host.CalicoctlAsync("delete ippool second")).OrThrow();
    }

    [Test]
    public async Task M18_after_a_reboot_the_agent_names_no_namespace_and_the_address_is_free()
    {
        var task = await StartTaskAsync("rebooted");
        var address = AddressOf(await AddAsync(task, task.Id, Conf("mesos-cni")));
        await task.KillAsync();
        await DelAsync(task.Id, Conf("mesos-cni"), "eth0", task: null);
        Assert.That((await Host.CalicoctlAsync($"ipam show --ip {address}")).Output, Does.Contain("not assigned").IgnoreCase);
        // An orphan that it knows nothing more of.
        await DelAsync("never-there", Conf("mesos-cni"), "eth0", task: null);
    }

    [Test]
    public async Task M18_a_wrong_address_is_refused_with_the_field_and_leaves_nothing()
    {
        var task = await StartTaskAsync("wrong");
        var refused = await CallAsync("ADD", task.Id,
            Conf("mesos-cni", """{"name":"mesos-cni","ip_addresses":[{"protocol":"IPv4","ip_address":"10.65.0.999"}]}"""), "eth0", task);
        Assert.That(refused.ExitCode, Is.Not.Zero);
        Assert.That(refused.Output, Does.Contain("network_info.ip_addresses"));
    }

    /// <summary>The file that the agent keeps for the container: the network's, with what the task asks for.</summary>
    private static string Conf(string name, string? networkInfo = null) =>
        $$$"""{"cniVersion":"0.2.0","name":"{{{name}}}","type":"calico","ipam":{"type":"calico-ipam"},"args":{"org.apache.mesos":"""
        + """{"network_info":"""
        + (networkInfo ?? $$"""{"name":"{{name}}"}""") + "}}}";

    private static string AddressOf(JsonObject result) => ((string)result["ip4"]!["ip"]!).Split('/')[0];

    private async Task<JsonObject> AddAsync(PlayedTask task, string id, string conf, string interfaceName = "eth0") =>
        JsonNode.Parse((await CallAsync("ADD", id, conf, interfaceName, task)).OrThrow().Output)!.AsObject();

    private async Task DelAsync(string id, string conf, string interfaceName, PlayedTask? task) =>
        (await CallAsync("DEL", id, conf, interfaceName, task)).OrThrow();

    private Task<CommandResult> CallAsync(string command, string id, string conf, string interfaceName, PlayedTask? task)
    {
        string[] place = task is null ? [] : [$"CNI_NETNS=/proc/{task.Pid}/ns/net"];
        return Host.RunAsync(["env", "-i", $"CNI_COMMAND={command}", $"CNI_CONTAINERID={id}", "CNI_PATH=/opt/cni/bin",
            $"CNI_IFNAME={interfaceName}",
            .. place, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "/opt/cni/bin/calico"], conf);
    }
}
