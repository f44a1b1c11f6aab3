using Calico.Datastore.Resources;
using NUnit.Framework;

namespace Calico.UnitTests.Cli;

/// <summary>Docker's containers by the names that their users know: container and network, never an endpoint's id.</summary>
[TestFixture]
public sealed class DockerNamesTests
{
    private const string Id = "7f7c44f8b919ad91aaaabbbbccccddddeeeeffff00001111222233334444cd30";

    [TestCase("blue", "web:blue")]
    [TestCase(null, "web:7f7c44f8b919", Description = "its labels have not come yet")]
    public async Task An_endpoint_is_called_by_its_container_and_network_and_found_by_that(string? network, string name)
    {
        var cli = new CliRun();
        var labels = network is null ? "" : $"\"docker.network\":\"{network}\",";
        cli.Store.Set(ResourceKind.Root + $"workloadendpoints/libnetwork/n1-libnetwork-libnetwork-{Id}", $$"""
            {"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{
             "name":"n1-libnetwork-libnetwork-{{Id}}","namespace":"libnetwork","uid":"u",
             "annotations":{"net.calico/name":"web"},"labels":{ {{labels}}"projectcalico.org/orchestrator":"libnetwork"} },
             "spec":{"orchestrator":"libnetwork","workload":"libnetwork","node":"n1","endpoint":"{{Id}}","containerID":"c1",
             "ipNetworks":["10.0.0.1/32"],
             "interfaceName":"cali1","profiles":["p"]} }
            """);
        Assert.That(await cli.RunAsync("", "get", "wep", "-A", "-o", "wide"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Does.Contain($" {name} ").And.Not.Contain(Id));
        Assert.That(await cli.RunAsync("", "get", "wep", name, "-n", "libnetwork"), Is.Zero, cli.Error);
    }
}
