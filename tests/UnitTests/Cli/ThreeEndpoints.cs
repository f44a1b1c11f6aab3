using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary>A store with web and shop on the network blue and other on green, each of which lets in its own.</summary>
internal static class ThreeEndpoints
{
    private const string Root = ResourceKind.Root;

    public static async Task<CliRun> FillAsync()
    {
        var cli = new CliRun();
        Add(cli, "web", "10.0.0.1/32", "blue", """{"role":"web"}""");
        Add(cli, "shop", "10.0.0.2/32", "blue", "{}");
        Add(cli, "other", "10.0.1.1/32", "green", "{}");
        Assert.That(await cli.RunAsync("""
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: blue}
            spec:
              labelsToApply: {blue: ""}
              ingress: [{action: Allow, source: {selector: has(blue)}}]
              egress: [{action: Allow}]
            ---
            apiVersion: projectcalico.org/v3
            kind: Profile
            metadata: {name: green}
            spec:
              labelsToApply: {green: ""}
              egress: [{action: Allow}]
            """, "apply", "-f", "-"), Is.Zero, cli.Error);
        return cli;
    }

    private static void Add(CliRun cli, string name, string address, string profile, string labels) =>
        cli.Store.Set($"{Root}workloadendpoints/default/n1-cni-{name}-eth0", $$$"""
        {"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3",
        "metadata":{"name":"n1-cni-{{{name}}}-eth0","namespace":"default","labels":{{{labels}}}},
        "spec":{"orchestrator":"cni","workload":"{{{name}}}","node":"n1","endpoint":"eth0",
        "interfaceName":"cali{{{name}}}","ipNetworks":["{{{address}}}"],"profiles":["{{{profile}}}"]}}
        """);
}
