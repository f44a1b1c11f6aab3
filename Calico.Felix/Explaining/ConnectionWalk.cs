using System.Collections.Immutable;
using Calico.Datastore.Sync;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>The way of a connection's first packet and of its answer, past everybody who judges them.</summary>
/// <remarks>In the order of the kernel's hooks: untracked, preDNAT, then a host's own or forwarded traffic; workloads' policies between
/// those of their host's interfaces. Of what one place denies, the later ones of that host are not asked; the other end is.</remarks>
internal sealed class ConnectionWalk(ClusterPolicy policy, PolicyPeer from, PolicyPeer to, FirstPacket sent, FirstPacket untranslated)
{
    private readonly ImmutableArray<DirectionExplanation>.Builder _told = ImmutableArray.CreateBuilder<DirectionExplanation>();
    private readonly ImmutableArray<string>.Builder _unjudged = ImmutableArray.CreateBuilder<string>();
    private bool _isTrackedAtSender = true;
    private bool _isTrackedAtReceiver = true;

    /// <summary>Both ends are on one host, and no packet passes one of its interfaces.</summary>
    private bool IsInside => from.Host is { } sender && to.Host is { } receiver && sender.Policy.Node == receiver.Policy.Node;

    public Explanation Go()
    {
        if (from.Endpoint is not null && from.Endpoint == to.Endpoint && sent.Destination == untranslated.Destination)
        {
            _unjudged.Add("what a workload sends itself never leaves it and is judged by no policy");
        }
        else if (IsInside && (from.IsHost || to.IsHost))
        {
            StayInside();
        }
        else
        {
            Send();
            Receive();
            if (_told.All(place => place.Allowed) && AnswerOf(sent) is { } answer)
            {
                LeaveReceiver(answer);
                ComeBack(answer);
            }
        }

        return new(_told.All(place => place.Allowed), _told.ToImmutable()) { Unjudged = _unjudged.ToImmutable() };
    }

    private void StayInside()
    {
        if (from.Endpoint is not { } workload)
        {
            _unjudged.Add(to.IsHost ? "a host's connections to itself are judged by no policy"
                : "what a host begins with its own workloads is judged by no policy");
            return;
        }

        if (HostHooks.IsNeeded(sent))
        {
            _unjudged.Add("neighbour and listener discovery with its host is judged by no policy of a workload");
            return;
        }

        Ask(workload, PolicyDirection.Egress, sent);
        var action = from.Host!.Policy.Settings.EndpointToHost;
        _told.Add(new(PolicyDirection.Ingress, action != HostAction.Drop, [])
        {
            Judge = default,
            Host = to.Host,
            Because = $"defaultEndpointToHostAction is {action}"
                + (action == HostAction.Return ? ": others' rules of the host decide" : ""),
        });
    }

    private void Send()
    {
        if (from.Endpoint is { } workload)
        {
            Ask(workload, PolicyDirection.Egress, sent);
        }

        if (IsInside || HooksOf(from) is not { } host)
        {
            return;
        }

        if (from.Endpoint is not null)
        {
            host.Forward(PolicyDirection.Egress, sent);
        }
        else if (host.Untracked(PolicyDirection.Egress, sent) is { } decided)
        {
            _isTrackedAtSender = !decided;
        }
        else
        {
            host.Normal(PolicyDirection.Egress, sent);
        }
    }

    private void Receive()
    {
        if (!IsInside && HooksOf(to) is { } host)
        {
            var untracked = host.Untracked(PolicyDirection.Ingress, untranslated);
            _isTrackedAtReceiver = untracked != true;
            if ((untracked ?? host.PreDnat(untranslated)) is null)
            {
                GoOn(host, to, PolicyDirection.Ingress, sent);
            }
        }

        if (to.Endpoint is { } workload)
        {
            Ask(workload, PolicyDirection.Ingress, sent);
        }
    }

    /// <summary>Of a connection that is tracked the answer belongs to it, and only what judges each packet for itself is asked.</summary>
    private void LeaveReceiver(FirstPacket answer)
    {
        if (IsInside || HooksOf(to) is not { } host)
        {
            return;
        }

        host = host.OfAnswers();
        if ((to.IsHost ? host.Untracked(PolicyDirection.Egress, answer) : null) is not null || _isTrackedAtReceiver
            || host.IsDroppedAsInvalid(PolicyDirection.Egress, answer))
        {
            return;
        }

        if (to.Endpoint is { } workload)
        {
            Ask(workload, PolicyDirection.Egress, answer, isAnswer: true);
        }

        GoOn(host, to, PolicyDirection.Egress, answer);
    }

    private void ComeBack(FirstPacket answer)
    {
        if (IsInside || HooksOf(from) is not { } host)
        {
            return;
        }

        host = host.OfAnswers();
        var untracked = host.Untracked(PolicyDirection.Ingress, answer);
        if (untracked == true && from.Endpoint is { } workload)
        {
            // Nothing of it is tracked, so the workload's policy sees it as a beginning.
            Ask(workload, PolicyDirection.Ingress, answer, isAnswer: true);
        }
        else if (untracked is null && !_isTrackedAtSender && host.PreDnat(answer) is null
            && !host.IsDroppedAsInvalid(PolicyDirection.Ingress, answer))
        {
            host.Normal(PolicyDirection.Ingress, answer);
        }
    }

    private static void GoOn(HostHooks host, PolicyPeer end, PolicyDirection direction, FirstPacket packet)
    {
        if (end.IsHost)
        {
            host.Normal(direction, packet);
        }
        else
        {
            host.Forward(direction, packet);
        }
    }

    private void Ask(ResourceKey workload, PolicyDirection direction, FirstPacket packet, bool isAnswer = false) =>
        _told.Add(policy.Explain(workload, direction, packet) with { IsAnswer = isAnswer });

    /// <summary>Null: no host endpoint judges the interface.</summary>
    private HostHooks? HooksOf(PolicyPeer end)
    {
        if (end.Host is not { } host)
        {
            return null;
        }

        if (host.Judged is { } judged)
        {
            return new(host, judged, _told.Add);
        }

        var text = $"host {host.Policy.Node}: " + (host.Policy.HostEndpoints.IsEmpty || host.InterfaceName.Length == 0
            ? "no host endpoint: not judged" : $"no host endpoint judges {host.Policy.Describe(host.InterfaceName)}");
        if (!_unjudged.Contains(text))
        {
            _unjudged.Add(text);
        }

        return null;
    }

    /// <summary>Null: nothing answers such a packet.</summary>
    private static FirstPacket? AnswerOf(FirstPacket packet)
    {
        var icmp = packet.Icmp;
        if (icmp is { } type)
        {
            byte? answer = (packet.Protocol, type.Type) switch
            {
                (1, 8) => 0,
                (1, 13) => 14,
                (1, 15) => 16,
                (1, 17) => 18,
                (58, 128) => 129,
                _ => null,
            };
            if (answer is not { } known)
            {
                return null;
            }

            icmp = type with { Type = known };
        }

        return new(packet.Destination, packet.Source, packet.Protocol, packet.DestinationPort, packet.SourcePort, icmp);
    }
}
