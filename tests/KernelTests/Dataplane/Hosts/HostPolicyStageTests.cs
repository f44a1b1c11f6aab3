using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;
using static Calico.KernelTests.Dataplane.Hosts.GatewayHost;

namespace Calico.KernelTests.Dataplane.Hosts;

/// <summary>Policies of host endpoints that judge before connections are tracked, before destination NAT, and what is forwarded.</summary>
public sealed class HostPolicyStageTests
{
    private static readonly Rule AllowAll = new() { Action = "Allow" };

    [Test]
    public async Task Untracked_policy_lets_packets_pass_without_a_connection_in_both_directions_or_not_at_all()
    {
        await using var gateway = await StartAsync();
        gateway.Listen(gateway.Host, 22, 5300, 5301);
        await gateway.ApplyAsync(HostEndpoint("web", "eth0", labels: ("role", "gateway")),
            Policy("raw", new() { Selector = "role == 'gateway'", DoNotTrack = true, ApplyOnForward = true, Ingress = [Rule("Allow", 5300)],
                Egress = [Rule("Allow", sourcePort: 5300)] }));
        Assert.That(Connects(gateway.Outside, HostAddress, 5300, sourcePort: 40001), Is.True,
            gateway.Host.Inside("nft", "list", "ruleset"));
        Assert.That(Connects(gateway.Outside, HostAddress, 5301), Is.False, "what it does not allow is judged as ever");
        Assert.That(Connects(gateway.Outside, HostAddress, 22), Is.True);
        await gateway.ApplyAsync(
            Policy("raw", new() { Selector = "role == 'gateway'", DoNotTrack = true, ApplyOnForward = true,
            Ingress = [Rule("Allow", 5300)] }));
        Assert.That(Connects(gateway.Outside, HostAddress, 5300), Is.False, "the answers have no rule of their own");
        await gateway.ApplyAsync(
            Policy("raw", new() { Selector = "role == 'gateway'", DoNotTrack = true, ApplyOnForward = true, Ingress = [Rule("Deny")] }));
        Assert.That(Connects(gateway.Outside, HostAddress, 5300), Is.False);
        Assert.That(Connects(gateway.Outside, HostAddress, 22), Is.True, "the failsafe ports, before connections are tracked too");
    }

    [Test]
    public async Task Policy_before_nat_sees_the_port_that_was_asked_for()
    {
        await using var gateway = await StartAsync();
        var workload = await gateway.Node.WireAsync("a", "10.65.0.2/32");
        await gateway.ApplyAsync(PretendNode.Profile("open", AllowAll), HostEndpoint("web", "eth0", labels: ("role", "gateway")));
        await gateway.Node.PublishAsync("a", "10.65.0.2/32", "open");
        gateway.Listen(workload, 8080);
        gateway.Listen(gateway.Host, 22);
        gateway.Host.Inside("nft", "add table ip other; add chain ip other pre { type nat hook prerouting priority -100; }; "
            + "add rule ip other pre tcp dport { 30080, 30081 } dnat to 10.65.0.2:8080");
        Assert.That(Connects(gateway.Outside, HostAddress, 30080), Is.True, "no policy that applies on forward");

        await gateway.ApplyAsync(Policy("nodeports", new()
        {
            Selector = "role == 'gateway'",
            PreDnat = true,
            ApplyOnForward = true,
            Ingress = [Rule("Allow", 30081), Rule("Deny")],
        }));
        Assert.That(Connects(gateway.Outside, HostAddress, 30080), Is.False, gateway.Host.Inside("nft", "list", "ruleset"));
        Assert.That(Connects(gateway.Outside, HostAddress, 30081), Is.True);
        Assert.That(Connects(gateway.Outside, HostAddress, 22), Is.True);

        await gateway.ApplyAsync(
            Policy("forward", new() { Selector = "role == 'gateway'", ApplyOnForward = true, Ingress = [Rule("Deny")] }));
        Assert.That(Connects(gateway.Outside, HostAddress, 30081), Is.True, "what was allowed before NAT is not judged again");
        await gateway.RemoveAsync(Policy("nodeports", new()));
        Assert.That(Connects(gateway.Outside, HostAddress, 30081), Is.False);
    }

    [Test]
    public async Task Policy_that_applies_on_forward_judges_what_workloads_send_through_a_gateway_with_nat()
    {
        await using var gateway = await StartAsync();
        var workload = await gateway.Node.WireAsync("a", "10.65.0.2/32");
        gateway.Listen(gateway.Outside, 80, 9001);
        await gateway.ApplyAsync(PretendNode.Profile("open", AllowAll), PretendNode.Pool("10.65.0.0/16", natOutgoing: true),
            HostEndpoint("web", "eth0", labels: ("role", "gateway")));
        await gateway.Node.PublishAsync("a", "10.65.0.2/32", "open");
        Assert.That(Connects(workload, OutsideAddress, 9001), Is.True, "a host endpoint alone does not judge what is forwarded");

        await gateway.ApplyAsync(
            Policy("out", new() { Selector = "role == 'gateway'", ApplyOnForward = true, Types = ["Egress"],
            Egress = [Rule("Deny", 9001), Rule("Allow")] }));
        Assert.That(Connects(workload, OutsideAddress, 9001), Is.False, gateway.Host.Inside("nft", "list", "ruleset"));
        Assert.That(Connects(workload, OutsideAddress, 80), Is.True);
        Assert.That(Connects(gateway.Host, OutsideAddress, 80), Is.True, "it applies to the host's own as well");
        Assert.That(Connects(gateway.Host, OutsideAddress, 9001), Is.False);

        await gateway.ApplyAsync(
            Policy("out", new() { Selector = "role == 'gateway'", ApplyOnForward = true, Types = ["Egress"], Egress = [Rule("Pass")] }));
        Assert.That(Connects(workload, OutsideAddress, 9001), Is.True, "no tier decides: forwarded traffic goes on");
        Assert.That(Connects(gateway.Host, OutsideAddress, 80), Is.False, "the host's own needs a profile");
        await gateway.ApplyAsync(Policy("out", new() { Selector = "role == 'gateway'", Types = ["Egress"] }));
        Assert.That(Connects(workload, OutsideAddress, 9001), Is.True, "without applyOnForward it is not asked");
        await gateway.ApplyAsync(Policy("out", new() { Selector = "role == 'gateway'", ApplyOnForward = true, Types = ["Egress"] }));
        Assert.That(Connects(workload, OutsideAddress, 80), Is.False, "the end of the tier denies");
    }

    [Test]
    public async Task What_the_host_sends_to_its_own_workloads_is_no_host_endpoints()
    {
        await using var gateway = await StartAsync();
        var workload = await gateway.Node.WireAsync("a", "10.65.0.2/32");
        await gateway.ApplyAsync(PretendNode.Profile("open", AllowAll), HostEndpoint("all", "*", labels: ("role", "gateway")),
            Policy("shut", new() { Selector = "role == 'gateway'", ApplyOnForward = true, Types = ["Ingress", "Egress"],
                Ingress = [Rule("Deny")], Egress = [Rule("Deny")] }));
        await gateway.Node.PublishAsync("a", "10.65.0.2/32", "open");
        gateway.Listen(workload, 80);
        Assert.That(Connects(gateway.Host, "10.65.0.2", 80), Is.True, gateway.Host.Inside("nft", "list", "ruleset"));
        await gateway.Node.WireAsync("b", "10.65.0.3/32");
        await gateway.Node.PublishAsync("b", "10.65.0.3/32", "open");
        Assert.That(PretendNode.CanPing(workload, "10.65.0.3"), Is.True, "nor what workloads of one host send each other");
    }
}
