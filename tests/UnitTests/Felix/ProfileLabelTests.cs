using Calico.Datastore.Resources.V3;
using NUnit.Framework;
using static Calico.UnitTests.Felix.FelixState;

namespace Calico.UnitTests.Felix;

/// <summary>Labels that a profile applies, while they come, change and go; and when two endpoints are alike.</summary>
[TestFixture]
public sealed class ProfileLabelTests
{
    private static readonly FelixState Plain = new FelixState("the profile applies no label")
        .With(Profile("net", [Allow(new() { Selector = "own == 'yes'" }), Allow(new() { Selector = "color == 'red'" }),
            Allow(new() { Selector = "color == 'blue'" })], [Allow()]))
        .With(Profile("tags"))
        .With(Endpoint("w1", "10.0.0.1/32", ["net"]))
        .With(Remote("far", "10.1.0.1/32", profiles: ["tags"], labels: ("own", "yes")));

    private static readonly FelixState Red = Plain.With(Profile("tags", null, null, ("color", "red"))).Called("one label", null);
    private static readonly FelixState Blue = Plain.With(Profile("tags", null, null, ("color", "blue"))).Called("another value of it",
        null);
    private static readonly FelixState RedBig = Plain.With(Profile("tags", null, null, ("color", "red"),
        ("size", "big"))).Called("two labels", null);
    private static readonly FelixState BlueBig = Plain.With(Profile("tags", null, null, ("color", "blue"),
        ("size", "big"))).Called("one of them changed", null);

    [Test]
    public void Members_follow_each_change_of_the_labels_that_a_profile_applies() => StateExpander.Replay(
        [Plain, Red, Blue, Red, RedBig, BlueBig, Plain, Red, Plain, Red, Red.Without("WorkloadEndpoint", "far"),
            Plain.Without("WorkloadEndpoint", "far")], Delivery.Split);

    [Test]
    public void Endpoints_that_are_nearly_alike_have_each_its_own_labels_and_ports()
    {
        var web = (int port) => new WorkloadEndpointPort[] { new() { Name = "web", Protocol = new("TCP"), Port = port } };
        var text = StateExpander.Snapshot(new FelixState("alike but for the second profile, or the number of a port")
            .With(Profile("net", [Allow(new() { Selector = "color == 'red'" }), Allow(null, new() { Ports = [new("web")] })], [Allow()]))
            .With(Endpoint("w1", "10.0.0.1/32", ["net"]) with { NamedPorts = [] })
            .With(Profile("first")).With(Profile("red", null, null, ("color", "red"))).With(Profile("blue", null, null, ("color", "blue")))
            .With(Remote("a", "10.1.0.1/32", profiles: ["first", "red"], ports: web(80))).With(Remote("b", "10.1.0.2/32",
                profiles: ["first", "blue"], ports: web(80)))
            .With(Remote("c", "10.1.0.3/32", profiles: ["first", "red"], ports: web(81))).With(Remote("d", "10.1.0.4/32",
                profiles: ["first", "blue"], ports: web(81))));
        var lines = text.Split(Environment.NewLine);
        Assert.That(lines, Has.Some.Match("^set s:.* 10.1.0.1 10.1.0.3$"));
        Assert.That(lines, Has.Some.Match("^set n:.* 10.1.0.1,6,80 10.1.0.2,6,80 10.1.0.3,6,81 10.1.0.4,6,81$"));
    }
}
