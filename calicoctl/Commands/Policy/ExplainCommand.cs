using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Net;
using Calico.Cli.Commands.Resources;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Cli.Output;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Sync;
using Calico.Felix.Explaining;
using Calico.Felix.Rules;

namespace Calico.Cli.Commands.Policy;

/// <summary><c>calicoctl explain</c>: whether one workload reaches another, and every tier, policy and rule that is asked on the way.</summary>
/// <remarks>Compiled here, from the store, by what compiles it on the nodes; no host is asked.</remarks>
internal static class ExplainCommand
{
    private const int EchoRequest = 8;
    private const int EchoRequestV6 = 128;

    internal static Command Create(CliEnvironment environment)
    {
        var from = new Option<string>("--from") { Description = "Who sends: an endpoint by name, id or address, or any other address.", HelpName = "ENDPOINT|ADDRESS", Required = true };
        var to = new Option<string>("--to") { Description = "Whom it is sent to.", HelpName = "ENDPOINT|ADDRESS", Required = true };
        var protocol = new Option<string>("--proto") { Description = "tcp, udp, sctp, icmp, icmpv6 or a number.", HelpName = "PROTOCOL", DefaultValueFactory = _ => "tcp" };
        var port = new Option<int?>("--port") { Description = "Destination port, 1-65535.", HelpName = "PORT" };
        var icmpType = new Option<int?>("--icmp-type") { Description = "ICMP type, 0-255; an echo request if not given.", HelpName = "TYPE" };
        var ipv6 = new Option<bool>("--ipv6") { Description = "Over IPv6, where both ends have both." };
        var exitCode = new Option<bool>("--exit-code") { Description = "End with 1 if it is denied." };
        var ns = new Option<string?>("--namespace", "-n") { Description = "Namespace of the endpoints that are named.", HelpName = "NAMESPACE" };
        var output = OutputForm.Create();
        var command = new Command("explain", "Say whether a connection is allowed, and which tiers, policies and rules are asked.")
        {
            from, to, protocol, port, icmpType, ipv6, exitCode, ns, output,
        };
        command.SetAction(async (result, ct) =>
        {
            var question = Question.Of(result.GetValue(protocol)!, result.GetValue(port), result.GetValue(icmpType));
            var place = NamespaceChoice.Of(result.GetValue(ns), all: false);
            await using var session = CliSession.Open(environment, result);
            await session.WarnOfVersionAsync(ct);
            var range = await session.Store.ListAsync(ResourceKind.Root, 0, ct);
            var stored = range.Items.Select(value => ResourceKinds.All.TryDecode(value.Key, value.Value, out var update) ? update : null).OfType<SyncUpdate>().ToImmutableArray();
            var policy = ClusterPolicy.Compile(stored);
            var ends = await EndsAsync(session, policy, stored, [result.GetValue(from)!, result.GetValue(to)!], place, question.Family(result.GetValue(ipv6)), ct);
            var explanation = policy.Explain(ends[0].Peer, ends[1].Peer, question.Protocol, question.Port, question.IcmpFor(ends[0].Peer.Address.IsIpv6));
            var text = new ExplanationText(explanation, ends[0], ends[1]);
            if (result.GetValue(output) == "json")
            {
                JsonOutput.Write(environment.Output, "Explanation", text.ToJson(range.Revision));
            }
            else
            {
                text.Write(environment.Output);
            }

            return explanation.Allowed || !result.GetValue(exitCode) ? 0 : 1;
        });
        return command;
    }

    /// <summary>Both ends with addresses of one family.</summary>
    private static async Task<ExplainedEnd[]> EndsAsync(CliSession session, ClusterPolicy policy, ImmutableArray<SyncUpdate> stored, string[] names,
        NamespaceChoice place, bool? wantsIpv6, CancellationToken ct)
    {
        var keys = await new EndpointFinder(session.Client).KeysAsync(Kinds.WorkloadEndpoint, names, place, ct);
        var known = policy.Endpoints.ToDictionary(endpoint => endpoint.Key, endpoint => endpoint.Addresses);
        var candidates = names.Zip(keys, (name, key) => known.TryGetValue(key, out var addresses)
            ? (Key: (ResourceKey?)key, Name: NameOf(stored, key), Addresses: addresses.Items)
            : IPAddress.TryParse(name, out var address)
                ? (Key: null, Name: "", Addresses: [Cidr.From(new IPNetwork(address, address.GetAddressBytes().Length * 8))])
                : throw new CliException($"there is no workload endpoint '{name}', and it is no address; calicoctl get workloadendpoints -A lists them")).ToArray();
        foreach (var isIpv6 in wantsIpv6 is { } wanted ? [wanted] : new[] { false, true })
        {
            var addresses = candidates.Select(end => end.Addresses.Where(a => a.IsIpv6 == isIpv6).Select(a => (Cidr?)a).FirstOrDefault()).ToArray();
            if (addresses is [{ } first, { } second])
            {
                return [new(candidates[0].Name, new(candidates[0].Key, first)), new(candidates[1].Name, new(candidates[1].Key, second))];
            }
        }

        throw new CliException($"'{names[0]}' and '{names[1]}' have no addresses of one family");
    }

    private static string NameOf(ImmutableArray<SyncUpdate> stored, ResourceKey key) =>
        Kinds.WorkloadEndpoint.TryRead(stored.First(update => update.Key == key), out var endpoint) ? EndpointName.Of(endpoint) : key.Name;

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
            return hasPorts && port is not (>= 1 and <= ushort.MaxValue) ? throw new CliException($"--port: {protocol} needs a port, 1-65535")
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

        public IcmpTypeCode? IcmpFor(bool isIpv6) => Protocol is Icmp or IcmpV6 ? new(IcmpType ?? (byte)(isIpv6 ? EchoRequestV6 : EchoRequest), 0) : null;
    }
}
