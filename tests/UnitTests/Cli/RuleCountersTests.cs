using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary><c>calicoctl get policy -o counters</c>.</summary>
[TestFixture, Parallelizable]
public sealed class RuleCountersTests
{
    private const string Policies = """
        apiVersion: projectcalico.org/v3
        kind: NetworkPolicy
        metadata: {name: web, namespace: default}
        spec:
          selector: role == 'web'
          types: [Ingress, Egress]
          ingress:
            - action: Allow
              protocol: TCP
              source: {selector: has(green), notNets: [10.9.0.0/16]}
              destination: {ports: [80, "8000:8080"]}
            - {action: Deny, protocol: ICMP, icmp: {type: 8, code: 0}}
          egress: [{action: Pass, notProtocol: UDP, ipVersion: 4}]
        ---
        apiVersion: projectcalico.org/v3
        kind: NetworkPolicy
        metadata: {name: idle, namespace: default}
        spec: {selector: has(nobody), types: [Ingress], ingress: [{action: Allow}]}
        """;

    private CliRun _cli = null!;

    [SetUp]
    public async Task FillAsync()
    {
        _cli = await ThreeEndpoints.FillAsync();
        Assert.That(await _cli.RunAsync(Policies, "apply", "-f", "-"), Is.Zero, _cli.Error);
    }

    [Test]
    public async Task Each_rule_has_its_count_and_its_words()
    {
        await using var host = new FakeHost().With("/rules", """
            [{"policy":"NetworkPolicy(default/web)","tier":"default","direction":"ingress","rule":1,"packets":12,"bytes":1008},
             {"policy":"NetworkPolicy(default/web)","tier":"default","direction":"egress","rule":0,"packets":3,"bytes":180},
             {"policy":"NetworkPolicy(default/web)","tier":"default","direction":"ingress","rule":0,"packets":7,"bytes":420},
             {"policy":"NetworkPolicy(other/web)","tier":"default","direction":"ingress","rule":0,"packets":99,"bytes":99},
             {"policy":"GlobalNetworkPolicy(web)","tier":"default","direction":"ingress","rule":0,"packets":98,"bytes":98}]
            """).Start();
        _cli.HostSocket = host.Socket;
        Assert.That(await _cli.RunAsync("", "get", "networkpolicy", "web", "-o", "counters"), Is.Zero, _cli.Error);
        Assert.That(Lines(), Is.EqualTo(new[]
        {
            "POLICY DIRECTION RULE PACKETS BYTES WHAT",
            "default/web ingress 0 7 420 Allow TCP from not 10.9.0.0/16 has(green) to ports 80,8000:8080",
            "default/web ingress 1 12 1008 Deny ICMP type 8/0",
            "default/web egress 0 3 180 Pass IPv4 not UDP",
        }));
        Assert.That(await _cli.RunAsync("", "get", "networkpolicies", "-A", "-o", "counters"), Is.Zero, _cli.Error);
        Assert.That(Lines(), Has.Length.EqualTo(5).And.Contains("default/idle ingress 0 - - Allow"),
            "it applies to nobody here: that is not 0 packets");
    }

    [Test]
    public async Task A_rule_that_the_store_has_no_more_and_one_of_no_author_are_shown_as_that()
    {
        await using var host = new FakeHost().With("/rules", """
            [{"policy":"NetworkPolicy(default/idle)","tier":"default","direction":"ingress","rule":1,"packets":4,"bytes":240},
             {"policy":"NetworkPolicy(default/idle)","tier":"default","direction":"ingress","rule":-1,"packets":5,"bytes":300}]
            """).Start();
        _cli.HostSocket = host.Socket;
        Assert.That(await _cli.RunAsync("", "get", "networkpolicy", "idle", "-o", "counters"), Is.Zero, _cli.Error);
        Assert.That(Lines()[1..], Is.EqualTo(new[]
        {
            "default/idle ingress 0 - - Allow",
            "default/idle ingress 1 4 240 it is not in the store any more",
            "default/idle ingress - 5 300 the whole of it, which cannot be used",
        }));
    }

    [Test]
    public async Task Without_a_host_and_for_kinds_without_rules_it_is_an_error()
    {
        _cli.HostSocket = "/run/nobody/host.sock";
        Assert.That(await _cli.RunAsync("", "get", "networkpolicy", "web", "-o", "counters"), Is.EqualTo(1));
        Assert.That((_cli.Output, _cli.Error),
            Is.EqualTo(("", "calico-host is not running: there is no socket /run/nobody/host.sock; start it\n")));
        Assert.That(await _cli.RunAsync("", "get", "ippools", "-o", "counters"), Is.EqualTo(1));
        Assert.That(_cli.Error, Is.EqualTo("-o counters: IPPool has no rules that count; policies, staged policies and profiles have\n"));
    }

    private string[] Lines() =>
        [.. _cli.Output.TrimEnd().Split('\n')
            .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
}
