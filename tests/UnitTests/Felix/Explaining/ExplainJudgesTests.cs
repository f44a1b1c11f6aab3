using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;
using Calico.TestKit;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Felix.Explaining;

/// <summary>Random resources and packets past a host with workloads and a host endpoint: what is explained is the way that the plain
/// semantics says, rule by rule.</summary>
[TestFixture, Parallelizable]
public sealed class ExplainJudgesTests
{
    private static readonly string[][] Families =
    [
        [.. RandomPolicies.Hosts4, RandomPolicies.HostAddresses[0]], [.. RandomPolicies.Hosts6, RandomPolicies.HostAddresses[1]],
    ];

    /// <summary>One end at least is the host or a workload of it: nobody is asked for what passes by.</summary>
    private static readonly ImmutableArray<PlainPacket> Every = [.. from family in Families
        from source in family
        from destination in family
        where source != destination && !(IsOutside(source) && IsOutside(destination))
        from packet in RandomPolicies.PacketsBetween(IPAddress.Parse(source), IPAddress.Parse(destination))
        select packet];

    [Test]
    [Category("fuzz")]
    public void An_explanation_is_the_way_that_the_plain_semantics_says() => Judge(24);

    [Test, Category("long")]
    public void The_same_many_times_more() => Judge(6_000);

    private static void Judge(int states)
    {
        var ends = new Dictionary<string, int>();
        RandomPolicies.GenFull.Sample(plain =>
        {
            var explained = new Explained(plain);
            // Of each state every other packet; which of them changes from one to the next.
            foreach (var packet in Every.Where((_, at) => at % 2 == plain.Policies.Count % 2))
            {
                var (end, counted, _) = PlainHost.Judge(plain, packet);
                var (told, asked) = explained.Ask(packet);
                if (told != end || !asked.SequenceEqual(counted))
                {
                    Assert.Fail($"{packet} ({plain.HostInterface ?? "no host endpoint"})\nplain: {end} by {string.Join(", ", counted)}\n"
                        + $"told:  {told} by {string.Join(", ", asked)}");
                }

                lock (ends)
                {
                    var kind = end.Split('(', ' ')[0];
                    ends[kind] = ends.GetValueOrDefault(kind) + 1;
                }
            }
        }, iter: Effort.Of(states));
        TestContext.Out.WriteLine(string.Join(", ", ends.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key} {e.Value}")));
        Assert.That(ends.Keys, Is.SupersetOf(new[] { PlainHost.Passed, "end", "no", "Profile" }));
    }

    private static bool IsOutside(string address) => address is not ("10.0.0.1" or "10.0.0.2" or "fd00::1" or "fd00::2")
        && !RandomPolicies.HostAddresses.Contains(address);

    private sealed class Explained
    {
        private readonly PlainPolicy _plain;
        private readonly ClusterPolicy _policy;
        private readonly HostPassage _host;

        public Explained(PlainPolicy plain)
        {
            _plain = plain;
            ImmutableArray<SyncUpdate> stored =
                [.. RandomPolicies.StateOf(plain).Stored.Values, .. plain.Items.Take(4).Select(RandomPolicies.StoredOf)];
            _policy = ClusterPolicy.Compile(stored, followsServices: true);
            _host = new(HostPolicy.Compile(stored, FelixState.Node, new Dictionary<string, ImmutableArray<Cidr>>
            {
                [RandomPolicies.HostLink] = [.. RandomPolicies.HostAddresses.Select(address => Cidr.Parse(address))],
            }, followsServices: true), RandomPolicies.HostLink);
        }

        /// <summary>What ends the packet, and every rule that it meets until then.</summary>
        public (string Ends, List<string> Met) Ask(PlainPacket packet)
        {
            var explanation = _policy.Explain(PeerOf(packet.Source), PeerOf(packet.Destination), new FirstPacket(
                Cidr.Parse($"{packet.Source}"), Cidr.Parse($"{packet.Destination}"),
                packet.Protocol switch
                {
                    "TCP" => 6,
                    "UDP" => 17,
                    "SCTP" => 132,
                    "ICMP" => 1,
                    "ICMPv6" => 58,
                    var number => byte.Parse(number, System.Globalization.CultureInfo.InvariantCulture),
                },
                (ushort)packet.SourcePort, (ushort)packet.DestinationPort,
                packet.Icmp is { } icmp ? new((byte)icmp.Type, (byte)icmp.Code) : null));
            var met = new List<string>();
            foreach (var place in explanation.Directions.Where(place => !place.IsAnswer))
            {
                var isIngress = place.Direction == PolicyDirection.Ingress;
                met.AddRange(place.Steps.SelectMany(step => step.Rules).Where(rule => rule.Matches && !rule.Rule.Provenance.IsEndOfTier)
                    .Select(rule => NameOf(rule.Rule.Provenance, isIngress)));
                if (!place.Allowed)
                {
                    return (place.Judge.Name is null or "" ? PlainHost.HostAction
                        : place.DecidedBy?.Provenance is not { } by ? $"no profile {(isIngress ? "ingress" : "egress")}"
                        : by.IsEndOfTier ? $"end of tier {by.Tier} {(isIngress ? "ingress" : "egress")}" : NameOf(by, isIngress), met);
                }
            }

            return (PlainHost.Passed, met);
        }

        private PolicyPeer PeerOf(IPAddress address) => _plain.Items.Take(4).FirstOrDefault(item => item.Holds(address)) is { } item
            ? new(Kinds.WorkloadEndpoint.Key(item.Namespace, item.Name), Cidr.Parse($"{address}"), _host)
            : new(null, Cidr.Parse($"{address}"), IsOutside($"{address}") ? null : _host);

        private static string NameOf(Provenance rule, bool isIngress) =>
            PlainVerdict.Rule(rule.Source.Kind, rule.Source.Namespace, rule.Source.Name, isIngress, rule.RuleIndex);
    }
}
