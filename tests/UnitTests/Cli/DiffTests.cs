using System.Text.Json;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary><c>calicoctl diff</c> over a store with three endpoints on two networks.</summary>
[TestFixture, Parallelizable]
public sealed class DiffTests
{
    private const string WebOnly = """
        apiVersion: projectcalico.org/v3
        kind: GlobalNetworkPolicy
        metadata: {name: web-only}
        spec:
          selector: role == 'web'
          types: [Ingress]
          ingress: [{action: Allow, protocol: TCP, source: {selector: has(green)}, destination: {ports: [80, "8000:8080"]}}]
        """;

    private CliRun _cli = null!;

    [SetUp]
    public async Task FillAsync() => _cli = await ThreeEndpoints.FillAsync();

    [Test]
    public async Task Connections_that_are_lost_and_gained_are_told_with_the_rule_that_decides_and_nothing_is_written()
    {
        var before = _cli.Store.Snapshot("/").Select(item => (item.Key, item.ModRevision)).ToArray();
        Assert.That(await _cli.RunAsync(WebOnly, "diff", "-f", "-", "--exit-code"), Is.EqualTo(1), _cli.Error);

        Assert.That(_cli.Output.TrimEnd(), Is.EqualTo("""
            GlobalNetworkPolicy(web-only) created
              - shop -> web   everything
                  denied at the receiver: end of tier default
              + other -> web  tcp 80,8000-8080
                  allowed at the receiver: GlobalNetworkPolicy(web-only) rule 0: Allow protocol 6 from "has(green)" to ports 80,8000-8080
            """));
        Assert.That(_cli.Store.Snapshot("/").Select(item => (item.Key, item.ModRevision)), Is.EqualTo(before));
        Assert.That(await _cli.RunAsync(WebOnly, "diff", "-f", "-"), Is.Zero, "without --exit-code");
    }

    [Test]
    public async Task A_dry_run_of_apply_tells_the_same_connections()
    {
        Assert.That(await _cli.RunAsync(WebOnly, "diff", "-f", "-"), Is.Zero, _cli.Error);
        var flows = _cli.Output[_cli.Output.IndexOf("  - shop", StringComparison.Ordinal)..];
        Assert.That(await _cli.RunAsync(WebOnly, "apply", "-f", "-", "--dry-run"), Is.Zero, _cli.Error);
        Assert.That(_cli.Output, Does.StartWith("Dry run: would have applied").And.EndsWith(flows));
    }

    [Test]
    public async Task Fields_that_change_are_told_and_what_stays_is_unchanged()
    {
        Assert.That(await _cli.RunAsync("""
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: blue}
            spec:
              labelsToApply: {blue: ""}
              ingress: [{action: Allow, source: {selector: has(green)}}]
              egress: [{action: Allow}]
            ---
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: green}
            spec:
              labelsToApply: {green: ""}
              egress: [{action: Allow}]
            """, "diff", "-f", "-"), Is.Zero, _cli.Error);
        Assert.That(_cli.Output.TrimEnd(), Is.EqualTo("""
            Profile(blue) changed
                spec.ingress[0].source.selector: has(blue) -> has(green)
            Profile(green) unchanged
              - shop, web -> shop, web  everything
                  denied at the receiver: no profile allows it
              + other -> shop, web      everything
                  allowed at the receiver: Profile(blue) rule 0: Allow from "has(green)"
            """));
    }

    [Test]
    public async Task Addresses_outside_are_told_by_the_nets_that_rules_name()
    {
        Assert.That(await _cli.RunAsync("""
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: office}
            spec:
              selector: role == 'web'
              types: [Ingress]
              ingress: [{action: Allow, source: {nets: [192.0.2.0/24], notNets: [192.0.2.128/25]}}]
            """, "diff", "-f", "-", "-o", "json"), Is.Zero, _cli.Error);
        using var document = JsonDocument.Parse(_cli.Output);
        var connections = document.RootElement.GetProperty("connections").EnumerateArray()
            .Select(c => $"{c.GetProperty("change")} {c.GetProperty("from")[0]} {c.GetProperty("to")[0]} {c.GetProperty("packets")}")
            .ToArray();
        Assert.That(connections, Is.EqualTo(new[] { "lost shop web everything", "gained 192.0.2.0/24 web everything" }));
    }

    [Test]
    public async Task What_would_be_refused_is_no_difference()
    {
        var wrong = WebOnly.Replace("Allow", "Maybe", StringComparison.Ordinal);
        Assert.That(await _cli.RunAsync(wrong, "diff", "-f", "-", "--exit-code"), Is.EqualTo(2));
        Assert.That(_cli.Error, Does.Contain("action"));
        Assert.That(await _cli.RunAsync("", "diff", "-f", "/nowhere.yaml"), Is.EqualTo(2));
    }

    [Test]
    public async Task What_is_there_already_is_no_difference()
    {
        Assert.That(await _cli.RunAsync(WebOnly, "apply", "-f", "-"), Is.Zero, _cli.Error);
        Assert.That(await _cli.RunAsync(WebOnly, "diff", "-f", "-", "--exit-code"), Is.Zero, _cli.Error);
        Assert.That(_cli.Output, Does.Contain("unchanged"));
    }
}
