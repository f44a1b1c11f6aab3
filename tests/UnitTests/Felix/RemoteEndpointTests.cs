using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Endpoints of other nodes, as members of the sets that rules ask.</summary>
[TestFixture]
public sealed class RemoteEndpointTests
{
    private static readonly FelixState Asking = new FelixState("rules that ask for peers")
        .With(Profile("net", [Allow(new() { Selector = "has(far)" })])).With(Endpoint("w1", "10.0.0.1/32", ["net"]) with { NamedPorts =
            [] });

    [Test]
    public void Only_addresses_of_hosts_are_members()
    {
        var remote = Remote("far", "10.1.0.1/32", labels: ("far", ""));
        Assert.That(Members(Asking.With(remote with { Spec =
            remote.Spec with { IpNetworks = ["10.1.0.1/32", "10.2.0.0/24", "nonsense", "fd00::1", "10.1.0.2"] } })),
            Is.EqualTo(new[] { "10.1.0.1 10.1.0.2 fd00::1" }));
        Assert.That(Members(Asking.With(remote with { Spec = remote.Spec with { IpNetworks = null } })), Is.Empty);
    }

    [Test]
    public void Named_ports_have_a_name_a_protocol_and_a_number()
    {
        WorkloadEndpointPort Port(string name, NumberOrString? protocol, int port) =>
            new() { Name = name, Protocol = protocol, Port = port };
        var state = new FelixState("a named port").With(Profile("net", [Allow(null, new() { Ports = [new("web")] })]))
            .With(Endpoint("w1", "10.0.0.1/32", ["net"]) with { NamedPorts = [] });
        var ports = new[]
        {
            Port("web", new("TCP"), 1), Port("web", new("udp"), 65535), Port("web", new("SCTP"), 3), Port("web", new(99), 4),
                Port("web", new("smoke"), 5),
            Port("web", null, 6), Port("web", new("TCP"), 0), Port("web", new("TCP"), 65536), Port("web", new("TCP"), -1),
                Port("", new("TCP"), 7), Port("other", new("TCP"), 8),
        };
        Assert.That(Members(state.With(Remote("far", "10.1.0.1/32", ports: ports)), "n:"),
            Is.EqualTo(new[] { "10.1.0.1,6,1 10.1.0.1,17,65535 10.1.0.1,99,4 10.1.0.1,132,3" }));
    }

    [TestCase("projectcalico.org/namespace == 'default'")]
    [TestCase("projectcalico.org/orchestrator == 'cni'")]
    public void Namespace_and_orchestrator_are_labels_that_no_label_replaces(string selector)
    {
        var label = selector.Split(' ')[0];
        var state = new FelixState("reserved labels").With(Profile("net", [Allow(new() { Selector = selector })]))
            .With(Endpoint("w1", "10.0.0.1/32", ["net"]) with { Namespace = "elsewhere", Id = new("docker", "w1", "eth0") })
            .With(Remote("far", "10.1.0.1/32", labels: (label, "forged"))).With(Remote("near", "10.1.0.2/32"));
        Assert.That(Members(state), Is.EqualTo(new[] { "10.1.0.1 10.1.0.2" }));
    }

    private static IEnumerable<string> Members(FelixState state, string kind = "s:") =>
        StateExpander.Snapshot(state).Split(Environment.NewLine)
        .Where(l => l.StartsWith("set " + kind, StringComparison.Ordinal)).Select(l => string.Join(' ', l.Split(' ').Skip(2)));
}
