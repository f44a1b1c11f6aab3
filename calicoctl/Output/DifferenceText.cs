using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;

namespace Calico.Cli.Output;

/// <summary>Connections that change, for people and for programs.</summary>
/// <param name="difference">What changes.</param>
/// <param name="nameOf">What people call an endpoint.</param>
internal sealed class DifferenceText(PolicyDifference difference, Func<ResourceKey, string> nameOf)
{
    private const int NamesShown = 4;

    internal bool IsEmpty => difference.Flows.IsEmpty;

    /// <summary>What is lost, then what is gained, by the names that people see: ids differ from run to run.</summary>
    private IEnumerable<ChangedFlow> Flows => difference.Flows.OrderBy(flow => flow.Allowed).ThenBy(Ends, StringComparer.Ordinal);

    internal void Write(TextWriter output)
    {
        if (difference.Flows.IsEmpty)
        {
            output.WriteLine("No connection of a workload endpoint is lost or gained.");
        }

        var width = difference.Flows.Select(flow => Ends(flow).Length).DefaultIfEmpty().Max();
        foreach (var flow in Flows)
        {
            output.WriteLine($"  {(flow.Allowed ? '+' : '-')} {Ends(flow).PadRight(width)}  {Packets(flow)}");
            var end = flow.Direction == PolicyDirection.Egress ? "the sender" : "the receiver";
            output.WriteLine($"      {(flow.Allowed ? "allowed" : "denied")} at {end}: {Why(flow)}");
        }

        if (difference.NetsLeftOut > 0)
        {
            output.WriteLine($"{difference.NetsLeftOut} nets that rules name were not asked about: they are too many.");
        }
    }

    internal JsonArray ToJson() => new([.. Flows.Select(flow => (JsonNode?)new JsonObject
    {
        ["change"] = flow.Allowed ? "gained" : "lost",
        ["from"] = JsonOutput.Texts(Names(flow.From)),
        ["to"] = JsonOutput.Texts(Names(flow.To)),
        ["ipVersion"] = flow.IsIpv6 is { } isIpv6 ? isIpv6 ? 6 : 4 : null,
        ["packets"] = Packets(flow),
        ["direction"] = flow.Direction == PolicyDirection.Egress ? "egress" : "ingress",
        ["decidedBy"] = flow.DecidedBy?.Provenance.ToString() ?? "no profile allows it",
        ["rule"] = flow.Rule,
    })]);

    private static string Why(ChangedFlow flow) => flow.DecidedBy is not { } rule ? "no profile allows it"
        : rule.Provenance is { IsEndOfTier: false, RuleIndex: >= 0 } provenance
            ? string.Create(CultureInfo.InvariantCulture, $"{provenance.Source} rule {provenance.RuleIndex}: {flow.Rule}")
        : rule.Provenance.ToString();

    private string Ends(ChangedFlow flow) => $"{Shorten(Names(flow.From))} -> {Shorten(Names(flow.To))}";

    /// <summary>Endpoints, then nets, then all else.</summary>
    private ImmutableArray<string> Names(ImmutableArray<DifferencePeer> peers) => [.. peers
        .OrderBy(peer => peer.Endpoint is not null ? 0 : peer.Net is not null ? 1 : 2).ThenBy(Name, StringComparer.Ordinal).Select(Name)];

    private static string Shorten(ImmutableArray<string> names) => names.Length <= NamesShown ? string.Join(", ", names)
        : $"{string.Join(", ", names.Take(NamesShown - 1))} and {names.Length - NamesShown + 1} more";

    private string Name(DifferencePeer peer) => peer.Endpoint is { } endpoint ? nameOf(endpoint)
        : peer.Net is { } net ? net.ToShortString() : "any other address";

    private static string Packets(ChangedFlow flow)
    {
        var family = flow.IsIpv6 is { } isIpv6 ? isIpv6 ? " (IPv6)" : " (IPv4)" : "";
        return (flow.IsEvery ? "everything" : string.Join(", ", flow.Packets.GroupBy(kind => kind.Protocol).Select(Packets))) + family;
    }

    private static string Packets(IGrouping<byte, PacketKind> kinds)
    {
        var protocol = kinds.Key switch
        {
            0 => "other protocols",
            1 => "icmp",
            6 => "tcp",
            17 => "udp",
            58 => "icmpv6",
            132 => "sctp",
            var number => string.Create(CultureInfo.InvariantCulture, $"protocol {number}"),
        };
        if (kinds.Key is 1 or 58)
        {
            var types = kinds.Select(kind => kind.Icmp?.ToString() ?? "other types").ToArray();
            return types is ["other types"] ? protocol : $"{protocol} {string.Join(", ", types)}";
        }

        var ports = Join(kinds.Select(kind => kind.Ports));
        return ports is "" or "0" or "1-65535" ? protocol : $"{protocol} {ports}";
    }

    /// <summary>Ranges that follow one another are one.</summary>
    private static string Join(IEnumerable<PortRange> ranges)
    {
        var joined = new List<PortRange>();
        foreach (var range in ranges.OrderBy(range => range.First))
        {
            if (joined.Count > 0 && joined[^1].Last + 1 == range.First)
            {
                joined[^1] = joined[^1] with { Last = range.Last };
            }
            else
            {
                joined.Add(range);
            }
        }

        return string.Join(",", joined);
    }
}
