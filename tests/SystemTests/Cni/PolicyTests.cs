using System.Diagnostics;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Cni;

/// <summary>Policies, tiers and network sets as a user applies them, judged by what arrives.</summary>
[TestFixture, Parallelizable]
public sealed class PolicyTests
{
    private const string Conf = """{"cniVersion":"1.0.0","name":"pods","type":"calico","ipam":{"type":"calico-ipam"}}""";

    /// <summary>Lets the namespace x in, and nobody else.</summary>
    private const string Own = """
        apiVersion: projectcalico.org/v3
        kind: NetworkPolicy
        metadata: {name: own, namespace: x}
        spec:
          selector: all()
          types: [Ingress]
          ingress: [{action: Allow, source: {selector: all()}}]
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, string> _addresses = [];
    private CniHost? _node;

    private CniHost Node => _node ?? throw new InvalidOperationException("the host is not up");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (TestHost.WhyNot is { } reason)
        {
            Assert.Ignore(reason);
        }

        _node = await CniHost.StartAsync(number: 64);
        foreach (var (pod, space) in new[] { ("a", "x"), ("b", "x"), ("c", "y") })
        {
            await Node.AddNamespaceAsync(pod);
            _addresses[pod] = await Node.AddAsync(pod, pod, Conf, args: $"K8S_POD_NAMESPACE={space};K8S_POD_NAME={pod}");
        }
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_node is not null)
        {
            await _node.Host.DisposeAsync();
        }
    }

    [TearDown]
    public Task OpenAsync() => Node.Host.ShellAsync("""
        calicoctl delete networkpolicy own -n x --skip-not-exists
        calicoctl delete gnp security.y --skip-not-exists
        calicoctl delete tier security --skip-not-exists
        calicoctl delete gnp blocked --skip-not-exists
        calicoctl delete globalnetworkset blocked --skip-not-exists
        calicoctl delete gnp hosts through --skip-not-exists
        calicoctl delete hostendpoint up --skip-not-exists
        """);

    [Test]
    public async Task A_network_policy_lets_in_its_own_namespace_and_nobody_else()
    {
        await ExpectAsync("c", "a", true);
        await ApplyAsync(Own);

        await ExpectAsync("c", "a", false);
        await ExpectAsync("b", "a", true);
        await ExpectAsync("a", "c", true);
        await ExplainAsync("c", "a", "DENIED at x/a");
        await ExplainAsync("b", "a", "ALLOWED");
        Assert.That(await Node.Host.ShellAsync("nft list counter inet calico drop-tier-default | grep -o 'packets [0-9]*'"),
            Does.Not.Contain("packets 0"),
            "the end of the tier counts what it drops");
        Assert.That(await Node.Host.ShellAsync("calicoctl get networkpolicy own -n x -o counters"),
            Does.Match(@"x/own +ingress +0 +[1-9]\d* +[1-9]\d* +Allow from all\(\)"), "what b sent a");
    }

    [Test]
    public async Task An_earlier_tier_decides_first_and_passes_the_rest()
    {
        await ApplyAsync(Own);
        await ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: Tier
            metadata: {name: security}
            spec: {order: 10}
            ---
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: security.y}
            spec:
              tier: security
              namespaceSelector: all()
              types: [Ingress]
              ingress:
                - {action: Allow, protocol: ICMP, source: {namespaceSelector: "projectcalico.org/name == 'y'", selector: "all()"}}
                - {action: Pass}
            """);

        // No namespace's labels come from Kubernetes here, so the rule matches nobody and everything is passed on.
        await ExpectAsync("b", "a", true);
        await ExpectAsync("c", "a", false);
        await ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: security.y}
            spec:
              tier: security
              types: [Ingress]
              ingress:
                - {action: Allow, protocol: ICMP, source: {selector: "projectcalico.org/namespace == 'y'"}}
                - {action: Pass}
            """);
        await ExpectAsync("c", "a", true);
        await ExpectAsync("b", "a", true);
        await Node.Host.ShellAsync("calicoctl delete gnp security.y && calicoctl delete tier security");
        await ExpectAsync("c", "a", false);
    }

    [Test]
    public async Task Members_of_a_network_set_come_and_go()
    {
        await ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: blocked}
            spec:
              order: 1
              types: [Egress]
              egress:
                - {action: Deny, destination: {selector: has(blocked)}}
                - {action: Allow}
            """);
        await ExpectAsync("a", "b", true);
        await ApplyAsync(Set(_addresses["b"]));
        await ExpectAsync("a", "b", false);
        // A range makes another kind of set of it.
        await ApplyAsync(Set("203.0.113.0/24", _addresses["c"]));
        await ExpectAsync("a", "b", true);
        await ExpectAsync("a", "c", false);
        await ApplyAsync(Set(_addresses["c"][.._addresses["c"].LastIndexOf('.')] + ".0/24"));
        await ExpectAsync("a", "b", false);
        await Node.Host.ShellAsync("calicoctl delete globalnetworkset blocked");
        await ExpectAsync("a", "b", true);
    }

    [Test]
    public async Task A_policy_is_kept_over_a_restart_and_its_end_opens_again()
    {
        await ApplyAsync(Own);
        await ExpectAsync("c", "a", false);
        await Node.Host.StopCalicoAsync();
        await ExpectAsync("c", "a", false);
        await Node.Host.StartCalicoAsync();
        await ExpectAsync("c", "a", false);
        await ExpectAsync("b", "a", true);
        await Node.Host.ShellAsync("calicoctl delete networkpolicy own -n x");
        await ExpectAsync("c", "a", true);
        Assert.That(await Node.Host.ShellAsync("nft list table inet calico | grep -c 'chain list/tier' || true"), Is.EqualTo("0\n"),
            "no list is left");
    }

    [Test]
    public async Task A_host_endpoint_judges_what_comes_and_goes_through_its_interface_as_explain_says()
    {
        await Node.AddNamespaceAsync("out");
        await Node.Host.ShellAsync($"""
            ip link add up0 type veth peer name eth0 netns out && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up
            ip -n out addr add 192.0.2.9/24 dev eth0 && ip -n out link set eth0 up && ip -n out route add {_addresses["a"]} via 192.0.2.1
            """);
        _addresses["host"] = "192.0.2.1";
        await ApplyAsync(Own.Replace("{action: Allow, source: {selector: all()}}", "{action: Allow}", StringComparison.Ordinal));
        await ExpectAsync("out", "host", true);
        // Known by its address alone: that up0 has it, the host says.
        await ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: up, labels: {host: ""}}
            spec: {node: node1, expectedIPs: [192.0.2.1]}
            """);
        await ExpectAsync("out", "host", false);
        await ExplainAsync("192.0.2.9", "node/node1", "DENIED at host node1 up0's ingress: no profile allows it", "HostEndpoint(up)");
        await ExpectAsync("out", "a", true);
        await ExplainAsync("192.0.2.9", "a", "ALLOWED", "x/a");

        await ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: hosts}
            spec: {selector: has(host), types: [Ingress], ingress: [{action: Allow, protocol: ICMP}]}
            ---
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: through}
            spec: {selector: has(host), applyOnForward: true, types: [Ingress], ingress: [{action: Deny, source: {nets: [192.0.2.9/32]}}]}
            """);
        await ExpectAsync("out", "host", true);
        await ExplainAsync("192.0.2.9", "hostendpoint/up", "ALLOWED", "GlobalNetworkPolicy(hosts) rule 0");
        await ExpectAsync("out", "a", false);
        await ExplainAsync("192.0.2.9", "a --in-interface up0", "DENIED at host node1 up0's ingress, forwarded",
            "GlobalNetworkPolicy(through) rule 0");
        await Node.Host.ShellAsync("ip link del up0");
        await Node.DeleteNamespaceAsync("out");
    }

    /// <summary>What calicoctl says is what the packets met.</summary>
    private async Task ExplainAsync(string from, string to, string verdict, string asked = "NetworkPolicy(x/own)") => Assert.That(
        await Node.Host.ShellAsync($"calicoctl explain --from {from} --to {to} --proto icmp --live"),
            Does.StartWith(verdict).And.Contain(asked)
            .And.Contain("the kernel of this machine was read and holds these rules"));

    private static string Set(params string[] nets) => $"""
        apiVersion: projectcalico.org/v3
        kind: GlobalNetworkSet
        metadata:
          name: blocked
          labels: [BLOCKED]
        spec:
          nets: [{string.Join(", ", nets)}]
        """.Replace("[BLOCKED]", "{blocked: \"\"}", StringComparison.Ordinal);

    private Task ApplyAsync(string manifest) => Node.Host.ShellAsync("calicoctl apply -f -", manifest);

    /// <summary>A change of the store is in force some milliseconds later; then it has to stay so.</summary>
    private async Task ExpectAsync(string from, string to, bool passes)
    {
        var clock = Stopwatch.StartNew();
        while (await Node.PingAsync(from, _addresses[to]) != passes)
        {
            if (clock.Elapsed > Patience)
            {
                Assert.Fail($"{from} to {to} {(passes ? "does not pass" : "passes")} after {Patience.TotalSeconds:0} s\n{await Node.Host.ShellAsync("calicoctl status; nft list table inet calico")}");
            }
        }

        Assert.That(await Node.PingAsync(from, _addresses[to]), Is.EqualTo(passes), $"{from} to {to}, again");
    }
}
