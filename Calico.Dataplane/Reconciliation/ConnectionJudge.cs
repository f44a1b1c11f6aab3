using System.Net;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Felix.Rules;
using Calico.Linux.Conntrack;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Says of tracked connections whether the policy that the table holds now would let them begin.</summary>
/// <remarks>
/// An entry tells what the chains saw of the first packet: they stand behind destination NAT and before source NAT, so its ends are the
/// original source and the one who replies. As in the chains, the sender's egress and the receiver's ingress both have a say, and what the
/// host itself sends has none. Whoever may send from sources that are not its own addresses is judged by those of its addresses alone.
/// </remarks>
/// <param name="policy">What is enforced; asked on the loop.</param>
/// <param name="hostAddresses">The host's own.</param>
internal sealed class ConnectionJudge(RulesetTranslator policy, IReadOnlySet<IPAddress> hostAddresses)
{
    private readonly PolicyOracle _oracle = new(policy.FindList, policy.IsMember);
    private readonly Dictionary<Cidr, EndpointUpdate> _endpoints = policy.Updates
        .SelectMany(e => e.Addresses.Items.Select(a => (Address: a, Endpoint: e)))
        .GroupBy(e => e.Address).ToDictionary(g => g.Key, g => g.First().Endpoint);

    public bool IsRefused(ConntrackEntry entry)
    {
        if (entry.IsExpected)
        {
            // Let in because of the connection that announced it.
            return false;
        }

        var packet = new FirstPacket(Cidr.From(entry.OriginalSource), Cidr.From(entry.ReplySource), entry.Protocol, entry.SourcePort,
            entry.ReplySourcePort, entry.Icmp is { } icmp ? new IcmpTypeCode(icmp.Type, icmp.Code) : null);
        return (_endpoints.TryGetValue(packet.Source, out var sender)
            && !MaySend(sender, packet, hostAddresses.Contains(entry.ReplySource)))
            || (_endpoints.TryGetValue(packet.Destination, out var receiver) && !hostAddresses.Contains(entry.OriginalSource)
                && !(receiver.Gate == EndpointGate.Open && _oracle.Allows(receiver.Ingress, packet)));
    }

    private bool MaySend(EndpointUpdate sender, in FirstPacket packet, bool toHost) => sender.Gate == EndpointGate.Open
        && _oracle.Allows(sender.Egress, packet) && !(toHost && policy.Settings.EndpointToHost == HostAction.Drop);
}
