using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.Hosts.GatewayHost;

namespace Calico.KernelTests.Dataplane.Hosts;

/// <summary>What the host itself gets and sends under host endpoints, and which interface each has.</summary>
public sealed class HostEndpointTests
{
    [Test]
    public async Task Ssh_survives_a_host_endpoint_that_allows_nothing()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 22, 80);
        gateway.Listen(gateway.Outside, 179, 80);
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.True, "no host endpoint: nothing is closed");

        var endpoint = HostEndpoint("web", "eth0");
        await gateway.ApplyAsync(endpoint);
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.False, "without policy and profile nothing comes in");
        Assert.That(Connects(gateway.Outside, HostAddress, 22), Is.True, gateway.Host.Inside("nft", "list", "ruleset"));
        Assert.That(Connects(gateway.Host, OutsideAddress, 80), Is.False, "and nothing goes out");
        Assert.That(Connects(gateway.Host, OutsideAddress, 179), Is.True, "apart from what the host needs to be reached");
        Assert.That(Connects(gateway.Host, "127.0.0.1", 80), Is.True, "loopback is nobody's business");
        Assert.That(await gateway.Node.DropsAsync("profile-none"), Is.GreaterThanOrEqualTo(2));

        await gateway.RemoveAsync(endpoint);
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.True);
        // What packets may still be led to goes a grace period later.
        await PretendNode.EventuallyAsync(() => !gateway.Host.Inside("nft", "list", "ruleset")
            .Contains("host-ingress", StringComparison.Ordinal), "the chains to go");
        Assert.That(gateway.Host.Inside("nft", "list", "ruleset"), Does.Not.Contain("host-i").And.Not.Contain("failsafe")
            .And.Not.Contain("output"));
    }

    [Test]
    public async Task Failsafe_ports_are_those_of_the_configuration()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 22, 2022, 2023);
        await gateway.ApplyAsync(HostEndpoint("web", "eth0"), new Resource<FelixConfigurationSpec>
        {
            Kind = "FelixConfiguration",
            Metadata = new() { Name = "default" },
            Spec = new()
            {
                FailsafeInboundHostPorts =
                [
                    new() { Protocol = "TCP", Port = 2022, Net = "192.0.2.0/25" },
                        new() { Protocol = "TCP", Port = 2023, Net = "192.0.2.128/25" },
                ],
            },
        });
        Assert.That(Connects(gateway.Outside, HostAddress, 22), Is.False);
        Assert.That(Connects(gateway.Outside, HostAddress, 2022), Is.True);
        Assert.That(Connects(gateway.Outside, HostAddress, 2023), Is.False, "from the other half of the net");
    }

    [Test]
    public async Task Policy_and_profile_decide_about_the_hosts_own_traffic()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 80, 81);
        gateway.Listen(gateway.Outside, 80, 443);
        await gateway.ApplyAsync(
            HostEndpoint("web", "eth0", labels: ("role", "gateway")),
            Policy("in", new() { Selector = "role == 'gateway'", Ingress = [Rule("Allow", 80)] }),
            Policy("out", new() { Selector = "role == 'gateway'", Types = ["Egress"], Egress = [Rule("Allow", 443)] }));
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.True);
        Assert.That(Connects(gateway.Outside, HostAddress, 81), Is.False);
        Assert.That(Connects(gateway.Host, OutsideAddress, 443), Is.True);
        Assert.That(Connects(gateway.Host, OutsideAddress, 80), Is.False);

        await gateway.ApplyAsync(
            HostEndpoint("web", "eth0", profiles: ["open"]),
            PretendNode.Profile("open", [], Rule("Allow", 81)));
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.False, "the label is gone, and with it the policy");
        Assert.That(Connects(gateway.Outside, HostAddress, 81), Is.True);
        Assert.That(Connects(gateway.Host, OutsideAddress, 80), Is.True);
    }

    [Test]
    public async Task Host_endpoint_of_all_interfaces_has_those_that_no_other_has()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 80);
        await gateway.ApplyAsync(
            HostEndpoint("all", "*"), HostEndpoint("one", "eth0", labels: ("role", "gateway")),
            Policy("in", new() { Selector = "role == 'gateway'", Ingress = [Rule("Allow", 80)], Egress = [Rule("Allow")],
                Types = ["Ingress", "Egress"] }));
        gateway.Link("eth1", "198.51.100.1", "198.51.100.2");
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.True);
        Assert.That(Connects(gateway.Outside, "198.51.100.1", 80), Is.False,
            "an interface that came later is the other's from its first packet");
        Assert.That(Connects(gateway.Host, "127.0.0.1", 80), Is.True);

        gateway.Host.Inside("ip", "link", "set", "eth0", "down");
        gateway.Host.Inside("ip", "link", "set", "eth0", "name", "eth9");
        gateway.Host.Inside("ip", "link", "set", "eth9", "up");
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.False, "under another name it is not the one that was named");

        await gateway.RemoveAsync(HostEndpoint("all", "*"));
        Assert.That(Connects(gateway.Outside, "198.51.100.1", 80), Is.True);
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.True);
    }

    [Test]
    public async Task Host_endpoint_without_a_name_has_the_interface_of_its_address_whenever_that_comes_and_goes()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 80);
        await gateway.ApplyAsync(HostEndpoint("by-address", null, expected: ["192.0.2.77"]));
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.True, "no interface has the address");
        Assert.That(await StatesAsync(gateway), Is.EqualTo(new[] { new HostEndpointState("by-address", null) }));

        gateway.Host.Inside("ip", "address", "add", "192.0.2.77/24", "dev", "eth0");
        await PretendNode.EventuallyAsync(() => !Connects(gateway.Outside, HostAddress, 80), "the interface to be judged");
        Assert.That(await StatesAsync(gateway), Is.EqualTo(new[] { new HostEndpointState("by-address", true) }));
        gateway.Outside.Inside("ip", "link", "set", "eth0", "down");
        Assert.That(await StatesAsync(gateway), Is.EqualTo(new[] { new HostEndpointState("by-address", false) }), "no carrier");
        gateway.Outside.Inside("ip", "link", "set", "eth0", "up");
        gateway.Host.Inside("ip", "address", "delete", "192.0.2.77/24", "dev", "eth0");
        await PretendNode.EventuallyAsync(() => Connects(gateway.Outside, HostAddress, 80), "the interface to be nobody's again");
    }

    [Test]
    public async Task Host_endpoint_that_cannot_be_read_denies_and_its_failsafe_ports_hold()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 22, 80);
        var key = Kinds.HostEndpoint.Key("bad");
        Assert.That(ResourceKinds.All.TryDecode("/calico/resources/v3/projectcalico.org/hostendpoints/bad",
            """{"metadata":{"name":"bad"},"spec":{"node":"node-a","interfaceName":"eth0","expectedIPs":""}}"""u8.ToArray(),
            out var update));
        Assert.That(update!.Error, Is.Not.Null);
        await gateway.ApplyAsync([update]);
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.False);
        await PretendNode.EventuallyAsync(() => Connects(gateway.Outside, HostAddress, 22), "a failsafe port");
        Assert.That(await gateway.Node.DropsAsync("policy-unusable"), Is.Positive);

        await gateway.ApplyAsync([new SyncUpdate(key, null)]);
        await PretendNode.EventuallyAsync(() => Connects(gateway.Outside, HostAddress, 80), "an interface without an endpoint");
    }

    [Test]
    public async Task What_the_host_sends_to_a_translated_address_is_judged_by_where_it_goes()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Outside, 8080);
        gateway.Host.Inside("ip", "route", "add", "203.0.113.1/32", "via", OutsideAddress);
        gateway.Host.Inside("nft", "add table ip other; add chain ip other out { type nat hook output priority -100; }; "
            + $"add rule ip other out ip daddr 203.0.113.1 tcp dport 80 dnat to {OutsideAddress}:8080");
        await gateway.ApplyAsync(
            HostEndpoint("web", "eth0", labels: ("role", "gateway")),
            Policy("out", new() { Selector = "role == 'gateway'", Types = ["Egress"], Egress = [Rule("Allow", 8080)] }));
        Assert.That(Connects(gateway.Host, "203.0.113.1", 80), Is.True, gateway.Host.Inside("nft", "list", "ruleset"));
        await gateway.ApplyAsync(Policy("out", new() { Selector = "role == 'gateway'", Types = ["Egress"], Egress = [Rule("Allow", 80)] }));
        Assert.That(Connects(gateway.Host, "203.0.113.1", 80), Is.False, "80 is not where it goes");
    }

    [Test]
    public async Task Restarted_process_finds_everything_as_it_should_be()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 22, 80);
        var endpoints = new[] { HostEndpoint("all", "*"), HostEndpoint("one", "eth0") };
        await gateway.ApplyAsync(endpoints);
        var former = gateway.Host.Inside("nft", "list", "ruleset");
        await gateway.Node.RestartAsync(() =>
        {
            Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.False, "nobody runs, and it is enforced");
            return Task.CompletedTask;
        });
        await gateway.Node.Loop.SetInitialAsync([], PretendNode.Deadline());
        await gateway.ApplyAsync(endpoints);
        Assert.That(Connects(gateway.Outside, HostAddress, 80), Is.False);
        Assert.That(Connects(gateway.Outside, HostAddress, 22), Is.True);
        Assert.That(Chains(gateway.Host.Inside("nft", "list", "ruleset")), Is.EqualTo(Chains(former)));

        static List<string> Chains(string listing) =>
            [.. listing.Split('\n').Where(line => line.Contains("chain ", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    private static async Task<ImmutableArray<HostEndpointState>> StatesAsync(GatewayHost gateway)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        return await gateway.Node.Loop.ListHostEndpointsAsync(limit.Token);
    }
}
