using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary><c>calicoctl explain</c> of what hosts judge: their own traffic and what passes them.</summary>
[TestFixture, Parallelizable]
public sealed class ExplainHostsTests
{
    private CliRun _cli = null!;

    [SetUp]
    public async Task FillAsync() => _cli = await TwoHosts.FillAsync();

    [Test]
    public async Task From_host_to_host_both_are_judged_at_their_interfaces()
    {
        await _cli.ExplainAsync("hostendpoint/one", "192.0.2.2", "--port", "443");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            ALLOWED  host n1 192.0.2.1 -> host n2 192.0.2.2
              host n1 eth0 egress: HostEndpoint(one)
                tier default: GlobalNetworkPolicy(hosts)
                  GlobalNetworkPolicy(hosts) rule 0: Allow any  <-- allowed here
              host n2 the interface with 192.0.2.2 ingress: HostEndpoint(two)
                tier default: GlobalNetworkPolicy(hosts)
                  GlobalNetworkPolicy(hosts) rule 0: Allow protocol 6 to ports 443  <-- allowed here
            """));
        await _cli.ExplainAsync("node/n1", "two", "--port", "80");
        Assert.That(_cli.Lines(), Does.StartWith(
            "DENIED at host n2 the interface with 192.0.2.2's ingress: end of tier default\n  host n1 eth0 egress: HostEndpoint(one)\n"));
    }

    [Test]
    public async Task A_failsafe_port_is_said_to_be_one()
    {
        await _cli.ExplainAsync("192.0.2.200", "one", "--port", "22");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            ALLOWED  192.0.2.200 -> host n1 192.0.2.1
              host n1 eth0 ingress: HostEndpoint(one)
                failsafe port 22: no policy is asked  <-- allowed here
            """));
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: FelixConfiguration
            metadata: {name: node.n1}
            spec: {failsafeInboundHostPorts: []}
            """);
        await _cli.ExplainAsync("192.0.2.200", "one", "--port", "22");
        Assert.That(_cli.Output, Does.StartWith("DENIED at host n1 eth0's ingress: end of tier default"));
    }

    [Test]
    public async Task Through_a_host_each_stage_is_told_in_the_packets_order()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: early}
            spec:
              order: 1
              selector: has(host)
              doNotTrack: true
              applyOnForward: true
              ingress: [{action: Deny, protocol: UDP}]
            ---
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: before}
            spec: {order: 2, selector: has(host), preDNAT: true, applyOnForward: true, ingress: [{action: Deny, protocol: SCTP}]}
            ---
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: through}
            spec: {order: 3, selector: has(host), applyOnForward: true, types: [Ingress], ingress: [{action: Allow, protocol: TCP}]}
            """);
        await _cli.ExplainAsync("192.0.2.200", "web", "--port", "80", "--in-interface", "eth0");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            DENIED at web 10.0.0.1's ingress: no profile allows it
              host n1 eth0 ingress, untracked: HostEndpoint(one)
                tier default: GlobalNetworkPolicy(early)
                  GlobalNetworkPolicy(early) rule 0: Deny protocol 17  no: the protocol is TCP
                no policy decides: it goes on
              host n1 eth0 ingress, before destination NAT: HostEndpoint(one)
                tier default: GlobalNetworkPolicy(before)
                  GlobalNetworkPolicy(before) rule 0: Deny protocol 132  no: the protocol is TCP
                no policy decides: it goes on
              host n1 eth0 ingress, forwarded: HostEndpoint(one)
                tier default: GlobalNetworkPolicy(through)
                  GlobalNetworkPolicy(through) rule 0: Allow protocol 6  <-- allowed here
              web 10.0.0.1 ingress
                profile blue
                  Profile(blue) rule 0: Allow from "has(blue)"  no: source 192.0.2.200 is not in "has(blue)"
                no profile allows it  <-- denied here
            """));
        await _cli.ExplainAsync("192.0.2.200", "web", "--port", "80", "--proto", "udp", "--in-interface", "eth0");
        Assert.That(_cli.Output, Does.StartWith(
            "DENIED at host n1 eth0's ingress, untracked: default/GlobalNetworkPolicy(early) rule 0"));
        await _cli.ExplainAsync("192.0.2.200", "web", "--port", "80", "--proto", "udp", "--in-interface", "eth1");
        Assert.That(_cli.Output, Does.Contain("  host n1: no host endpoint judges eth1"));
    }

    [Test]
    public async Task The_answer_to_what_is_not_tracked_needs_a_rule_of_its_own()
    {
        const string open = """
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: fast}
            spec:
              order: 1
              selector: has(host)
              doNotTrack: true
              applyOnForward: true
              types: [Ingress, Egress]
              ingress: [{action: Allow, protocol: UDP, destination: {ports: [123]}}]
              egress: [{action: ACTION, protocol: UDP, source: {ports: [123]}}]
            """;
        await _cli.ApplyAsync(open.Replace("ACTION", "Allow", StringComparison.Ordinal));
        await _cli.ExplainAsync("192.0.2.200", "one", "--port", "123", "--proto", "udp");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            ALLOWED  192.0.2.200 -> host n1 192.0.2.1
              host n1 eth0 ingress, untracked: HostEndpoint(one)
                tier default: GlobalNetworkPolicy(fast)
                  GlobalNetworkPolicy(fast) rule 0: Allow protocol 17 to ports 123  <-- allowed here
              answer: host n1 eth0 egress, untracked: HostEndpoint(one)
                tier default: GlobalNetworkPolicy(fast)
                  GlobalNetworkPolicy(fast) rule 0: Allow protocol 17 from ports 123  <-- allowed here
            """));
        await _cli.ApplyAsync(open.Replace("ACTION", "Deny", StringComparison.Ordinal));
        await _cli.ExplainAsync("192.0.2.200", "one", "--port", "123", "--proto", "udp");
        Assert.That(_cli.Output, Does.StartWith(
            "DENIED at host n1 eth0's egress, untracked, of the answer: default/GlobalNetworkPolicy(fast) rule 0"));
    }

    [Test]
    public async Task An_answer_that_no_untracked_rule_decides_begins_a_connection_of_its_own_or_none()
    {
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: fast}
            spec: {order: 1, selector: has(host), doNotTrack: true, applyOnForward: true, types: [Ingress], ingress: [{action: Allow}]}
            """);
        await _cli.ExplainAsync("192.0.2.200", "one", "--port", "80");
        Assert.That(_cli.Lines(),
            Does.StartWith("DENIED at host n1 eth0's egress, of the answer: the answer belongs to no tracked connection\n").And.EndsWith(
                "  answer: host n1 eth0 egress: HostEndpoint(one)\n    the answer belongs to no tracked connection  <-- denied here"));
        await _cli.ExplainAsync("192.0.2.200", "one", "--port", "80", "--proto", "udp");
        Assert.That(_cli.Lines(), Does.StartWith("ALLOWED").And.EndsWith("""
              answer: host n1 eth0 egress: HostEndpoint(one)
                tier default: GlobalNetworkPolicy(hosts)
                  GlobalNetworkPolicy(hosts) rule 0: Allow any  <-- allowed here
            """));
        await _cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: blue}
            spec: {ingress: [{action: Allow}], egress: [{action: Deny, source: {ports: [80]}, protocol: UDP}, {action: Allow}]}
            """);
        await _cli.ExplainAsync("192.0.2.200", "web", "--port", "80", "--proto", "udp");
        Assert.That(_cli.Output, Does.StartWith("DENIED at web 10.0.0.1's egress, of the answer: Profile(blue) rule 0"));
    }

    [Test]
    public async Task What_a_workload_sends_its_host_is_the_hosts_setting()
    {
        await _cli.ExplainAsync("web", "node/n1", "--port", "443");
        Assert.That(_cli.Lines(), Is.EqualTo("""
            DENIED at host n1's ingress: defaultEndpointToHostAction is Drop
              web 10.0.0.1 egress
                profile blue
                  Profile(blue) rule 0: Allow any  <-- allowed here
              host n1 ingress
                defaultEndpointToHostAction is Drop  <-- denied here
            """));
        await _cli.ExplainAsync("node/n1", "web", "--port", "80");
        Assert.That(_cli.Lines(), Does.StartWith("ALLOWED  host n1 192.0.2.1 -> web 10.0.0.1\n")
            .And.EndsWith("\n  what a host begins with its own workloads is judged by no policy"));
    }
}
