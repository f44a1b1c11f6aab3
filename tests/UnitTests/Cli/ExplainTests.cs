using System.Text.Json;
using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary><c>calicoctl explain</c> over a store with three endpoints.</summary>
[TestFixture, Parallelizable]
public sealed class ExplainTests
{
    private const string Root = ResourceKind.Root;

    private CliRun _cli = null!;

    [SetUp]
    public async Task FillAsync() => _cli = await ThreeEndpoints.FillAsync();

    [Test]
    public async Task Without_policies_the_profiles_decide_and_are_named()
    {
        Assert.That(await _cli.RunAsync("", "explain", "--from", "shop", "--to", "web", "--port", "80"), Is.Zero, _cli.Error);
        Assert.That(Lines(), Is.EqualTo("""
            ALLOWED  shop 10.0.0.2 -> web 10.0.0.1
              shop 10.0.0.2 egress
                profile blue
                  Profile(blue) rule 0: Allow any  <-- allowed here
              web 10.0.0.1 ingress
                profile blue
                  Profile(blue) rule 0: Allow from "has(blue)"  <-- allowed here
            """));

        Assert.That(await _cli.RunAsync("", "explain", "--from", "other", "--to", "web", "--port", "80", "--exit-code"), Is.EqualTo(1));
        Assert.That(Lines(), Is.EqualTo("""
            DENIED at web 10.0.0.1's ingress: no profile allows it
              other 10.0.1.1 egress
                profile green
                  Profile(green) rule 0: Allow any  <-- allowed here
              web 10.0.0.1 ingress
                profile blue
                  Profile(blue) rule 0: Allow from "has(blue)"  no: source 10.0.1.1 is not in "has(blue)"
                no profile allows it  <-- denied here
            """));
    }

    [Test]
    public async Task Tiers_policies_and_rules_are_told_in_the_order_in_which_they_are_asked()
    {
        Assert.That(await _cli.RunAsync("""
            apiVersion: projectcalico.org/v3
            kind: Tier
            metadata: {name: security}
            spec: {order: 10, defaultAction: Pass}
            ---
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: security.scan}
            spec:
              tier: security
              selector: has(blue)
              types: [Ingress]
              ingress: [{action: Deny, protocol: TCP, destination: {ports: [22]}}]
            ---
            apiVersion: projectcalico.org/v3
            kind: NetworkPolicy
            metadata: {name: web, namespace: default}
            spec:
              selector: role == 'web'
              types: [Ingress]
              ingress:
                - {action: Log}
                - {action: Allow, protocol: TCP, source: {selector: has(green)}, destination: {ports: [80, "8000:8080"]}}
            """, "apply", "-f", "-"), Is.Zero, _cli.Error);
        Assert.That(await _cli.RunAsync("", "explain", "--from", "10.0.1.1", "--to", "web", "--port", "81"), Is.Zero, _cli.Error);
        Assert.That(Lines(), Is.EqualTo("""
            DENIED at web 10.0.0.1's ingress: end of tier default
              other 10.0.1.1 egress
                profile green
                  Profile(green) rule 0: Allow any  <-- allowed here
              web 10.0.0.1 ingress
                tier security: GlobalNetworkPolicy(security.scan)
                  GlobalNetworkPolicy(security.scan) rule 0: Deny protocol 6 to ports 22  no: destination port 81 is none of its ports
                tier default: NetworkPolicy(default/web)
                  NetworkPolicy(default/web) rule 0: Log any  matches: logged
                  NetworkPolicy(default/web) rule 1: Allow protocol 6 from "(projectcalico.org/namespace == "default" && has(green))" to ports 80,8000-8080  no: destination port 81 is none of its ports
                  Deny at the end of the tier  <-- denied here
            """));
    }

    [Test]
    public async Task Staged_policies_are_marked_with_what_they_would_do_and_decide_nothing()
    {
        Assert.That(await _cli.RunAsync("""
            apiVersion: projectcalico.org/v3
            kind: StagedGlobalNetworkPolicy
            metadata: {name: shut}
            spec: {order: 1, selector: has(blue), types: [Ingress], ingress: [{action: Deny, protocol: TCP}, {action: Allow}]}
            ---
            apiVersion: projectcalico.org/v3
            kind: StagedGlobalNetworkPolicy
            metadata: {name: udp}
            spec: {order: 2, selector: has(blue), types: [Ingress], ingress: [{action: Allow, protocol: UDP}]}
            """, "apply", "-f", "-"), Is.Zero, _cli.Error);
        Assert.That(_cli.Error, Is.Empty);
        Assert.That(await _cli.RunAsync("", "explain", "--from", "shop", "--to", "web", "--port", "80"), Is.Zero, _cli.Error);
        Assert.That(Lines(), Is.EqualTo("""
            ALLOWED  shop 10.0.0.2 -> web 10.0.0.1
              shop 10.0.0.2 egress
                profile blue
                  Profile(blue) rule 0: Allow any  <-- allowed here
              web 10.0.0.1 ingress
                tier default: StagedGlobalNetworkPolicy(shut), StagedGlobalNetworkPolicy(udp)
                  StagedGlobalNetworkPolicy(shut) rule 0: staged Deny protocol 6  staged: would deny, decides nothing
                  StagedGlobalNetworkPolicy(udp) rule 0: staged Allow protocol 17  no: the protocol is TCP
                  staged StagedGlobalNetworkPolicy(udp): no rule of it decides; enforced, the end of the tier would deny  staged: decides nothing
                profile blue
                  Profile(blue) rule 0: Allow from "has(blue)"  <-- allowed here
            """));
    }

    [Test]
    public async Task A_policy_that_cannot_be_used_is_said_to_deny()
    {
        _cli.Store.Set($"{Root}globalnetworkpolicies/broken",
            """{"kind":"GlobalNetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"broken"},"spec":{"selector":5}}""");
        Assert.That(await _cli.RunAsync("", "explain", "--from", "shop", "--to", "web", "--port", "80"), Is.Zero, _cli.Error);
        Assert.That(_cli.Output, Does.StartWith("DENIED at shop 10.0.0.2's egress: default/GlobalNetworkPolicy(broken): "));
    }

    [Test]
    public async Task Programs_read_json_and_strangers_are_judged_by_the_workload_alone()
    {
        Assert.That(await _cli.RunAsync("", "explain", "--from", "192.0.2.9", "--to", "web", "--proto", "icmp", "-o", "json"), Is.Zero,
            _cli.Error);
        using var document = JsonDocument.Parse(_cli.Output);
        var root = document.RootElement;
        Assert.That(root.GetProperty("kind").GetString(), Is.EqualTo("Explanation"));
        Assert.That(root.GetProperty("allowed").GetBoolean(), Is.False);
        Assert.That(root.GetProperty("directions").GetArrayLength(), Is.EqualTo(1));
        Assert.That(root.GetProperty("directions")[0].GetProperty("decidedBy").GetString(), Is.EqualTo("no profile allows it"));
        Assert.That(root.GetProperty("directions")[0].GetProperty("steps")[0].GetProperty("rules")[0].GetProperty("whyNot").GetString(),
            Is.EqualTo("source 192.0.2.9 is not in \"has(blue)\""));
    }

    [TestCase("--port: tcp needs a port, 1-65535", "shop", "web")]
    [TestCase("--port: tcp needs a port, 1-65535", "shop", "web", "--port", "65536")]
    [TestCase("--port: icmp has no ports", "shop", "web", "--proto", "icmp", "--port", "1")]
    [TestCase("--icmp-type: tcp has none", "shop", "web", "--port", "1", "--icmp-type", "8")]
    [TestCase("--proto: 'smoke' is none of tcp, udp, sctp, icmp, icmpv6 and 1-255", "shop", "web", "--proto", "smoke")]
    [TestCase("there is no workload endpoint 'nobody' and no host endpoint, and it is no address", "nobody", "web", "--port", "1")]
    [TestCase("'shop' and '2001:db8::1' have no addresses of one family", "shop", "2001:db8::1", "--port", "1")]
    public async Task What_cannot_be_asked_is_said_by_its_option(string message, string from, string to, params string[] more)
    {
        Assert.That(await _cli.RunAsync("", ["explain", "--from", from, "--to", to, .. more]), Is.EqualTo(1));
        Assert.That(_cli.Error, Does.Contain(message));
        Assert.That(_cli.Output, Is.Empty);
    }

    /// <summary>The output without what only lines columns up.</summary>
    private string Lines() => string.Join('\n', _cli.Output.TrimEnd().Split('\n').Select(line =>
        new string(' ', line.Length - line.TrimStart().Length) + System.Text.RegularExpressions.Regex.Replace(line.Trim(), " {3,}", "  ")));
}
