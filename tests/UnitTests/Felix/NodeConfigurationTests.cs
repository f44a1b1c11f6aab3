using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>Field by field this node's configuration, else the cluster's, else what upstream does without.</summary>
[TestFixture]
public sealed class NodeConfigurationTests
{
    [Test]
    public void Without_any_configuration_the_defaults_are_told_once()
    {
        var graph = new CalculationGraph(FelixState.Node);
        Assert.That(Told(graph), Is.EqualTo(new NodeSettings()));
        Assert.That(new NodeSettings(), Is.EqualTo(new NodeSettings { EndpointToHost = HostAction.Drop, DropInvalid = true }));
        Assert.That(Told(graph, ("default", new())), Is.Null);
        Assert.That(Told(graph, ("node.other", new() { AllowIpipPacketsFromWorkloads = true })), Is.Null);
    }

    [TestCase("Accept", HostAction.Accept)]
    [TestCase("RETURN", HostAction.Return)]
    [TestCase("Drop", HostAction.Drop)]
    [TestCase("Sing", HostAction.Drop)]
    public void What_becomes_of_packets_to_the_host(string action, HostAction expected)
    {
        Assert.That(Of(new() { DefaultEndpointToHostAction = action }, null).EndpointToHost, Is.EqualTo(expected));
        Assert.That(Of(new() { DefaultEndpointToHostAction = "Accept" }, new() { DefaultEndpointToHostAction = action }).EndpointToHost,
            Is.EqualTo(expected));
    }

    [TestCase(null, null, false)]
    [TestCase(true, null, true)]
    [TestCase(null, true, true)]
    [TestCase(true, false, false)]
    [TestCase(false, true, true)]
    public void A_switch_is_the_nodes_own_or_the_clusters(bool? cluster, bool? own, bool expected)
    {
        Assert.That(Of(new() { AllowVxlanPacketsFromWorkloads = cluster }, new() { AllowVxlanPacketsFromWorkloads = own }),
            Is.EqualTo(new NodeSettings { AllowVxlanFromWorkloads = expected }));
        Assert.That(Of(new() { AllowIpipPacketsFromWorkloads = cluster }, new() { AllowIpipPacketsFromWorkloads = own }),
            Is.EqualTo(new NodeSettings { AllowIpipFromWorkloads = expected }));
        Assert.That(Of(new() { DisableConntrackInvalidCheck = cluster }, new() { DisableConntrackInvalidCheck = own }),
            Is.EqualTo(new NodeSettings { DropInvalid = !expected }));
    }

    [TestCase(null, null, null)]
    [TestCase("1000:2000", null, "1000-2000")]
    [TestCase(null, "3000", "3000")]
    [TestCase("1000:2000", "3000:4000", "3000-4000")]
    [TestCase("0", null, null)]
    [TestCase("0:0", null, null)]
    [TestCase("0:1", null, "0-1")]
    [TestCase("few", null, null)]
    public void Ports_of_masquerading_are_a_range_or_the_kernels_choice(string? cluster, string? own, string? expected) => Assert.That(
        Of(new() { NatPortRange = Number(cluster) }, new() { NatPortRange = Number(own) }).NatPorts?.ToString(), Is.EqualTo(expected));

    [Test]
    public void What_is_gone_or_damaged_counts_no_more()
    {
        var graph = new CalculationGraph(FelixState.Node);
        Told(graph, ("default", new() { AllowVxlanPacketsFromWorkloads = true }),
            ("node.node-a", new() { AllowIpipPacketsFromWorkloads = true }));
        Assert.That(Told(graph, ("node.node-a", null)), Is.EqualTo(new NodeSettings { AllowVxlanFromWorkloads = true }));
        graph.Apply(new(SyncStatus.InSync, 2, [new(Kinds.FelixConfiguration.Key("default"), null, "spec: not an object")]));
        Assert.That(Told(graph), Is.EqualTo(new NodeSettings()));
    }

    private static NumberOrString? Number(string? text) => text is null ? null : ushort.TryParse(text, out var number) ? new(number)
        : new(text);

    private static NodeSettings Of(FelixConfigurationSpec? cluster, FelixConfigurationSpec? own) =>
        Told(new(FelixState.Node), ("default", cluster), ("node.node-a", own))!;

    private static NodeSettings? Told(CalculationGraph graph, params (string Name, FelixConfigurationSpec? Spec)[] stored)
    {
        graph.Apply(new(SyncStatus.InSync, 1, [.. stored.Select(s =>
            new SyncUpdate(Kinds.FelixConfiguration.Key(s.Name), s.Spec is null ? null
            : new Resource<FelixConfigurationSpec> { Kind = "FelixConfiguration", Metadata = new() { Name = s.Name }, Spec = s.Spec }))]));
        return graph.Flush().OfType<SettingsUpdate>().SingleOrDefault()?.Settings;
    }
}
