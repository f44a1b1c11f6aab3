using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Calico.Cli.Commands.Resources;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;

namespace Calico.Cli.Commands.Policy;

/// <summary><c>calicoctl explain</c>: whether one end reaches another, and every tier, policy and rule that is asked on the way.</summary>
/// <remarks>Compiled here, from the store, by what compiles it on the nodes. This machine's host is asked for its interfaces;
/// no other host is.</remarks>
internal static class ExplainCommand
{
    private const int EchoRequest = 8;
    private const int EchoRequestV6 = 128;

    internal static Command Create(CliEnvironment environment)
    {
        var from = new Option<string>("--from")
        {
            Description = "Who sends: an endpoint by name, id or address; hostendpoint/NAME or node/NAME; or any other address.",
            HelpName = "ENDPOINT|HOST|ADDRESS",
            Required = true,
        };
        var to = new Option<string>("--to") { Description = "Whom it is sent to.", HelpName = "ENDPOINT|HOST|ADDRESS", Required = true };
        var protocol = new Option<string>("--proto") { Description = "tcp, udp, sctp, icmp, icmpv6 or a number.", HelpName = "PROTOCOL",
            DefaultValueFactory = _ => "tcp" };
        var port = new Option<int?>("--port") { Description = "Destination port, 1-65535.", HelpName = "PORT" };
        var icmpType = new Option<int?>("--icmp-type") { Description = "ICMP type, 0-255; an echo request if not given.",
            HelpName = "TYPE" };
        var ipv6 = new Option<bool>("--ipv6") { Description = "Over IPv6, where both ends have both." };
        var outgoing = new Option<string?>("--out-interface")
        {
            Description = "The interface by which it leaves the sender's host.",
            HelpName = "NAME",
        };
        var incoming = new Option<string?>("--in-interface")
        {
            Description = "The interface by which it comes to the receiver's host.",
            HelpName = "NAME",
        };
        var live = new Option<bool>("--live")
        {
            Description = "Ask this machine's host whether its kernel holds what is told; end with 1 if that is not proved.",
        };
        var exitCode = new Option<bool>("--exit-code") { Description = "End with 1 if it is denied." };
        var ns = new Option<string?>("--namespace", "-n") { Description = "Namespace of the endpoints that are named.",
            HelpName = "NAMESPACE" };
        var output = OutputForm.Create();
        var command = new Command("explain", "Say whether a connection is allowed, and which tiers, policies and rules are asked.")
        {
            from, to, protocol, port, icmpType, ipv6, outgoing, incoming, live, exitCode, ns, output,
        };
        command.SetAction(async (result, ct) =>
        {
            var question = Question.Of(result.GetValue(protocol)!, result.GetValue(port), result.GetValue(icmpType));
            var place = NamespaceChoice.Of(result.GetValue(ns), all: false);
            await using var session = CliSession.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var range = await session.Store.ListAsync(ResourceKind.Root, 0, ct);
            var stored = range.Items.Select(value => ResourceKinds.All.TryDecode(value.Key, value.Value, out var update) ? update : null)
                .OfType<SyncUpdate>().ToImmutableArray();
            var policy = ClusterPolicy.Compile(stored);
            var hosts = new StoredHosts(environment, stored);
            var finder = new ConnectionEnds(new(session.Client), hosts, policy, stored);
            var ends = await finder.FindAsync(new(result.GetValue(from)!, result.GetValue(outgoing), outgoing.Name),
                new(result.GetValue(to)!, result.GetValue(incoming), incoming.Name), place, question.Family(result.GetValue(ipv6)), ct);
            var asked = ClusterPolicy.FirstOf(ends[0].Peer, ends[1].Peer, question.Protocol, question.Port,
                question.IcmpFor(ends[0].Peer.Address.IsIpv6));
            var way = new AddressTranslations(hosts, stored).Of(ends[0], ends[1], asked);
            var explanation = policy.Explain(ends[0].Peer, way.To.Peer, way.Sent, way.Untranslated, way.LeavesAs);
            var verdicts = result.GetValue(live)
                ? await new LiveProof(environment, policy, range.Revision).LookAsync(explanation, [ends[0], way.To], ct) : [];
            var text = new ExplanationText(explanation, ends[0], way.To, [.. finder.Assumed, .. way.Assumed], verdicts)
            {
                Translated = way.Told,
            };
            if (result.GetValue(output) == "json")
            {
                JsonOutput.Write(environment.Output, "Explanation", text.ToJson(range.Revision));
            }
            else
            {
                text.Write(environment.Output);
            }

            return (result.GetValue(live) && !LiveProof.IsProof(verdicts)) || (!explanation.Allowed && result.GetValue(exitCode)) ? 1 : 0;
        });
        return command;
    }

    /// <summary>What is asked about a packet beside its ends.</summary>
    private sealed record Question(byte Protocol, ushort Port, byte? IcmpType)
    {
        private const byte Icmp = 1;
        private const byte IcmpV6 = 58;

        public static Question Of(string protocol, int? port, int? icmpType)
        {
            byte number = protocol.ToLowerInvariant() switch
            {
                "tcp" => 6,
                "udp" => 17,
                "sctp" => 132,
                "icmp" => Icmp,
                "icmpv6" => IcmpV6,
                var text => byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) && parsed > 0
                    ? parsed : throw new CliException($"--proto: '{protocol}' is none of tcp, udp, sctp, icmp, icmpv6 and 1-255"),
            };
            var (hasPorts, isIcmp) = (number is 6 or 17 or 132, number is Icmp or IcmpV6);
            return hasPorts && port is not (>= 1 and <= ushort.MaxValue)
                ? throw new CliException($"--port: {protocol} needs a port, 1-65535")
                : !hasPorts && port is not null ? throw new CliException($"--port: {protocol} has no ports")
                : !isIcmp && icmpType is not null ? throw new CliException($"--icmp-type: {protocol} has none")
                : icmpType is not (null or (>= 0 and <= 255)) ? throw new CliException("--icmp-type: 0-255 is expected")
                : new(number, (ushort)(port ?? 0), (byte?)icmpType);
        }

        /// <summary>The family that is asked for; null: either.</summary>
        public bool? Family(bool isIpv6) => Protocol switch
        {
            Icmp => isIpv6 ? throw new CliException("--ipv6: icmp is of IPv4; icmpv6 is its counterpart") : false,
            IcmpV6 => true,
            _ => isIpv6 ? true : null,
        };

        public IcmpTypeCode? IcmpFor(bool isIpv6) =>
            Protocol is Icmp or IcmpV6 ? new(IcmpType ?? (byte)(isIpv6 ? EchoRequestV6 : EchoRequest), 0) : null;
    }
}
