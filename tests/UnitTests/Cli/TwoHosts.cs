using System.Text.RegularExpressions;
using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary>Three workloads on n1, whose host endpoint is by name; n2's host endpoint is known by its address alone.</summary>
internal static partial class TwoHosts
{
    public static async Task<CliRun> FillAsync()
    {
        var cli = await ThreeEndpoints.FillAsync();
        cli.Store.Set($"{ResourceKind.Root}nodes/n1", """
            {"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"n1"},"spec":{"bgp":{"ipv4Address":"192.0.2.1/24"}}}
            """);
        await cli.ApplyAsync("""
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: one, labels: {host: ""}}
            spec: {node: n1, interfaceName: eth0}
            ---
            apiVersion: projectcalico.org/v3
            kind: HostEndpoint
            metadata: {name: two, labels: {host: ""}}
            spec: {node: n2, expectedIPs: [192.0.2.2]}
            ---
            apiVersion: projectcalico.org/v3
            kind: GlobalNetworkPolicy
            metadata: {name: hosts}
            spec:
              selector: has(host)
              types: [Ingress, Egress]
              ingress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}]
              egress: [{action: Allow}]
            """);
        return cli;
    }

    public static async Task ExplainAsync(this CliRun cli, string from, string to, params string[] more) =>
        Assert.That(await cli.RunAsync("", ["explain", "--from", from, "--to", to, .. more]), Is.Zero, cli.Error);

    public static async Task ApplyAsync(this CliRun cli, string resources) =>
        Assert.That(await cli.RunAsync(resources, "apply", "-f", "-"), Is.Zero, cli.Error);

    /// <summary>The output without what only lines columns up.</summary>
    public static string Lines(this CliRun cli) => string.Join('\n', cli.Output.TrimEnd().Split('\n')
        .Select(line => new string(' ', line.Length - line.TrimStart().Length) + Columns().Replace(line.Trim(), "  ")));

    [GeneratedRegex(" {3,}")]
    private static partial Regex Columns();
}
