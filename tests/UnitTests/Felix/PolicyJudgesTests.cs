using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.TestKit;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

/// <summary>Random resources and packets: the compiled programs and the plain semantics agree.</summary>
[TestFixture, Parallelizable]
public sealed class PolicyJudgesTests
{
    [Test]
    [Category("fuzz")]
    public void Programs_decide_as_the_plain_semantics_does() => RandomPolicies.GenFull
        .Sample(plain =>
        {
            var programs = Compile(plain);
            foreach (var packet in Packets())
            {
                foreach (var endpoint in plain.Items.Take(4))
                {
                    var isOwn = endpoint.Nets[0] == Host(packet.Destination);
                    var isSender = endpoint.Nets[0] == Host(packet.Source);
                    if ((isOwn && programs.Decide(endpoint.Name, true, packet) != plain.Judge(endpoint, true, packet).By)
                        || (isSender && programs.Decide(endpoint.Name, false, packet) != plain.Judge(endpoint, false, packet).By))
                    {
                        Assert.Fail($"{endpoint.Name} {(isOwn ? "in" : "out")} {packet}\n{programs.Text(endpoint.Name)}");
                    }
                }
            }
        }, iter: Effort.Of(500));

    private static Programs Compile(PlainPolicy plain)
    {
        var graph = new CalculationGraph(FelixState.Node, followsServices: true);
        graph.Apply(new(SyncStatus.InSync, 1, [.. RandomPolicies.StateOf(plain).Stored.Values]));
        foreach (var item in plain.Items.Take(4))
        {
            graph.Set(RandomPolicies.LocalOf(item));
        }

        return new(graph.Flush());
    }

    private static IEnumerable<PlainPacket> Packets() => from hosts in new[] { RandomPolicies.Hosts4, RandomPolicies.Hosts6 }
        from source in hosts
        from destination in hosts
        from packet in RandomPolicies.PacketsBetween(IPAddress.Parse(source), IPAddress.Parse(destination))
        select packet;

    private static string Host(IPAddress address) =>
        address + (address.ToString().Contains(':', StringComparison.Ordinal) ? "/128" : "/32");

    private sealed class Programs
    {
        private readonly Dictionary<string, HashSet<IpSetMember>> _sets = new(StringComparer.Ordinal);
        private readonly Dictionary<string, RuleList> _lists = new(StringComparer.Ordinal);
        private readonly Dictionary<string, EndpointUpdate> _endpoints = new(StringComparer.Ordinal);
        private readonly PolicyOracle _oracle;

        public Programs(ImmutableArray<DataplaneUpdate> updates)
        {
            foreach (var update in updates)
            {
                switch (update)
                {
                    case IpSetUpdate set:
                        _sets.Add(set.Id, [.. set.Added]);
                        break;
                    case RuleListUpdate list:
                        _lists.Add(list.List.Id, list.List);
                        break;
                    case EndpointUpdate endpoint:
                        _endpoints.Add(endpoint.Id.Workload, endpoint);
                        break;
                    default:
                        break;
                }
            }

            _oracle = new(_lists.GetValueOrDefault, (set, member) =>
                _sets[set].Any(m => m.Address.Contains(member.Address) && m.Protocol == member.Protocol && m.Port == member.Port));
        }

        /// <summary>The rule that decides; one rule decides one thing.</summary>
        public string Decide(string endpoint, bool ingress, PlainPacket packet)
        {
            var rule = _oracle.Decide(ingress ? _endpoints[endpoint].Ingress : _endpoints[endpoint].Egress,
                new(Cidr.Parse(packet.Source.ToString()), Cidr.Parse(packet.Destination.ToString()),
                    packet.Protocol switch { "TCP" => 6, "UDP" => 17, "SCTP" => 132, "ICMP" => 1, "ICMPv6" => 58, var number =>
                        byte.Parse(number) },
                    (ushort)packet.SourcePort, (ushort)packet.DestinationPort,
                    packet.Icmp is { } icmp ? new((byte)icmp.Type, (byte)icmp.Code) : null));
            return rule?.Provenance is not { } where ? "no profile"
                : where.IsEndOfTier ? $"end of tier {where.Tier}"
                : PlainVerdict.Rule(where.Source.Kind, where.Source.Namespace, where.Source.Name, ingress, where.RuleIndex);
        }

        public string Text(string endpoint) => _endpoints[endpoint].Ingress.ToText(_lists.GetValueOrDefault) + "\n--- egress\n"
            + _endpoints[endpoint].Egress.ToText(_lists.GetValueOrDefault);
    }
}
