using System.Collections.Immutable;
using System.Globalization;
using Calico.Datastore.Resources;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>Asks the programs of a host's interface, and tells each answer.</summary>
/// <param name="host">Which interface.</param>
/// <param name="judged">Its host endpoint and programs.</param>
/// <param name="tell">Told every place that was asked, also where a failsafe port spares the question.</param>
/// <param name="isAnswer">The packets are answers.</param>
internal sealed class HostHooks(HostPassage host, HostInterfaceUpdate judged, Action<DirectionExplanation> tell, bool isAnswer = false)
{
    private const byte Icmp = 1;
    private const byte Tcp = 6;
    private const byte IcmpV6 = 58;
    private const byte Sctp = 132;

    /// <summary>Router solicitation to neighbour advertisement.</summary>
    private static readonly (byte First, byte Last) Discovery = (133, 136);

    private HostPolicy Policy => host.Policy;

    /// <summary>MLD, router and neighbour solicitations, neighbour advertisements, which workloads may always send to their host.</summary>
    public static bool IsNeeded(in FirstPacket packet) =>
        packet is { Protocol: IcmpV6, Icmp.Type: (>= 130 and <= 133) or 135 or 136 };

    public HostHooks OfAnswers() => new(host, judged, tell, isAnswer: true);

    /// <summary>Before connections are tracked.</summary>
    /// <returns>Null: nothing decides, and it goes on.</returns>
    public bool? Untracked(PolicyDirection direction, in FirstPacket packet) => Ask(PolicyStage.Untracked, direction,
        direction == PolicyDirection.Ingress ? judged.Programs.UntrackedIngress : judged.Programs.UntrackedEgress, packet);

    /// <inheritdoc cref="Untracked"/>
    public bool? PreDnat(in FirstPacket packet) => Ask(PolicyStage.PreDnat, PolicyDirection.Ingress, judged.Programs.PreDnat, packet);

    /// <summary>What the host itself sends or gets.</summary>
    public void Normal(PolicyDirection direction, in FirstPacket packet) => Ask(PolicyStage.Normal, direction,
        direction == PolicyDirection.Ingress ? judged.Programs.Ingress : judged.Programs.Egress, packet);

    /// <summary>What the host passes on.</summary>
    public void Forward(PolicyDirection direction, in FirstPacket packet) => Ask(PolicyStage.Forward, direction,
        direction == PolicyDirection.Ingress ? judged.Programs.ForwardIngress : judged.Programs.ForwardEgress, packet);

    /// <summary>Whether an answer to what was not tracked is dropped before any policy is asked: the kernel knows no connection that it
    /// could belong to, and it can begin none.</summary>
    public bool IsDroppedAsInvalid(PolicyDirection direction, in FirstPacket packet)
    {
        var isDropped = Policy.Settings.DropInvalid && packet.Protocol is Icmp or Tcp or IcmpV6 or Sctp;
        if (isDropped)
        {
            Tell(PolicyStage.Normal, direction, false, [], "the answer belongs to no tracked connection");
        }

        return isDropped;
    }

    private bool? Ask(PolicyStage stage, PolicyDirection direction, PolicyProgram program, in FirstPacket packet)
    {
        if (program is { IsEmpty: true, PassesOn: true })
        {
            return null;
        }

        if (stage != PolicyStage.Forward && FailsafeOf(packet, direction, isRaw: stage == PolicyStage.Untracked) is { } failsafe)
        {
            Tell(stage, direction, true, [], failsafe);
            return stage == PolicyStage.Normal ? true : null;
        }

        var steps = Policy.Programs.Explain(program, packet);
        var verdict = DirectionExplanation.Verdict(steps) ?? (program.PassesOn ? null : false);
        Tell(stage, direction, verdict != false, steps, verdict is null ? "no policy decides: it goes on" : "");
        return verdict;
    }

    private void Tell(PolicyStage stage, PolicyDirection direction, bool allowed, ImmutableArray<ExplainedStep> steps, string because) =>
        tell(new(direction, allowed, steps)
        {
            Judge = Kinds.HostEndpoint.Key(judged.HostEndpoint),
            Host = host,
            Stage = stage,
            IsAnswer = isAnswer,
            Because = because,
        });

    /// <summary>Why no policy closes it; null: nothing spares it. Before connections are tracked the answers pass too.</summary>
    private string? FailsafeOf(in FirstPacket packet, PolicyDirection direction, bool isRaw)
    {
        if (packet is { Protocol: IcmpV6, Icmp: { } icmp } && icmp.Type >= Discovery.First && icmp.Type <= Discovery.Last)
        {
            return "neighbour discovery: no policy is asked";
        }

        var failsafes = Policy.Settings.Failsafes;
        var isIngress = direction == PolicyDirection.Ingress;
        var peer = isIngress ? packet.Source : packet.Destination;
        var (protocol, own, others) = (packet.Protocol, packet.DestinationPort, packet.SourcePort);
        bool Has(EquatableArray<FailsafePort> ports, ushort port) => ports.Items.Any(failsafe => failsafe.Protocol == protocol
            && failsafe.Port == port && (failsafe.Net is not { } net || net.Contains(peer)));
        return Has(isIngress ? failsafes.Inbound : failsafes.Outbound, own)
            ? string.Create(CultureInfo.InvariantCulture, $"failsafe port {own}: no policy is asked")
            : isRaw && Has(isIngress ? failsafes.Outbound : failsafes.Inbound, others)
                ? string.Create(CultureInfo.InvariantCulture, $"answer from failsafe port {others}: no policy is asked")
                : null;
    }
}
