using Calico.Datastore.Addresses;
using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.VectorTests.Policy;

/// <summary>The hosts of a vector, each with a calculation graph of its own, and what becomes of a connection between them: every hook that
/// its packets come through is asked, those of the answers too.</summary>
/// <remarks>The vectors name no addresses of hosts, so each gets one; a host endpoint that expects none expects that one, as upstream's
/// test sets it. An interface that a vector gives two ways (<c>*|eth0</c>) is tried both ways by the runner.</remarks>
internal sealed class HostVectorNetwork
{
    private const string Uplink = "eth0";
    private const ushort ClientPort = 40000;

    private readonly Dictionary<string, Host> _hosts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (Host Host, WorkloadEndpointId Id, Cidr Address)> _workloads = new(StringComparer.Ordinal);

    public HostVectorNetwork(PolicyVector vector, string interfaceName)
    {
        List<SyncUpdate> updates = [.. vector.Updates];
        foreach (var endpoint in vector.HostEndpoints)
        {
            updates.Add(PolicyVector.ReadHostEndpoint(endpoint, interfaceName,
                HostOf(endpoint.GetProperty("node").GetString()!).Address.ToShortString()));
        }

        foreach (var endpoint in vector.Endpoints)
        {
            var host = HostOf(endpoint.Node);
            _workloads.Add(endpoint.Name, (host, endpoint.Local.Id, Cidr.Parse($"{endpoint.Address}/32")));
            host.Graph.Set(endpoint.Local);
        }

        foreach (var host in _hosts.Values)
        {
            host.Settle(updates);
        }
    }

    /// <summary>Whether a connection comes about.</summary>
    public bool Allows(VectorFlow flow)
    {
        var (source, destination) = (End(flow.Source), End(flow.Destination));
        var target = flow.ViaNodePort is { } via ? End(via) : destination;
        var targetPort = target == destination ? flow.Port : PolicyVector.NodePortTarget;
        var asked = new FirstPacket(source.Address, destination.Address, flow.Protocol, ClientPort, flow.Port, null);
        var sent = asked with { Destination = target.Address, DestinationPort = targetPort };
        var answer = new FirstPacket(target.Address, source.Address, flow.Protocol, targetPort, ClientPort, null);

        var path = new[] { source.Host, target.Host }.OfType<Host>().Distinct().ToList();
        if (path is [_] && source.Host == target.Host)
        {
            // Nothing leaves the host: no interface of it is passed.
            return WorkloadsAllow(source, target, sent);
        }

        return WorkloadsAllow(source, target, sent)
            && path.All(host => HostAllows(host, source.Host == host ? source : target, host == source.Host, asked, sent, answer));
    }

    /// <summary>For a failure's message.</summary>
    public string Text() => string.Join('\n', _hosts.Select(h => $"{h.Key}:\n{h.Value.Text()}"));

    private static bool WorkloadsAllow((Host? Host, WorkloadEndpointId? Id, Cidr Address) source,
        (Host? Host, WorkloadEndpointId? Id, Cidr Address) target, FirstPacket sent) =>
        (source.Id is not { } sender || source.Host!.Allows(sender, PolicyDirection.Egress, sent))
        && (target.Id is not { } receiver || (source.Id is null && source.Host == target.Host)
            || target.Host!.Allows(receiver, PolicyDirection.Ingress, sent));

    /// <summary>The packet and its answer through the uplink of a host at one end.</summary>
    private static bool HostAllows(Host host, (Host? Host, WorkloadEndpointId? Id, Cidr Address) own, bool isSender, FirstPacket asked,
        FirstPacket sent, FirstPacket answer)
    {
        if (host.Programs is not { } programs)
        {
            return true;
        }

        var isHosts = own.Id is null;
        if (isSender)
        {
            // Out, then the answer in. What is sent without tracking has no connection that its answer could belong to.
            var raw = isHosts ? host.Raw(programs.UntrackedEgress, sent, isInbound: false, isAnswer: false) : null;
            var tracked = raw != true;
            var isOut = raw ?? (isHosts ? host.Normal(programs.Egress, sent, isInbound: false)
                : host.Decides(programs.ForwardEgress, sent));
            return isOut && Answered(host, programs, isHosts, isInbound: true, answer, tracked);
        }

        var untracked = host.Raw(programs.UntrackedIngress, asked, isInbound: true, isAnswer: false);
        var preDnat = untracked is null ? host.PreDnat(programs.PreDnat, asked) : null;
        var isIn = (untracked ?? preDnat)
            ?? (isHosts ? host.Normal(programs.Ingress, sent, isInbound: true) : host.Decides(programs.ForwardIngress, sent));
        return isIn && Answered(host, programs, isHosts, isInbound: false, answer, tracked: untracked != true);
    }

    private static bool Answered(Host host, HostPrograms programs, bool isHosts, bool isInbound, FirstPacket answer, bool tracked)
    {
        var raw = isInbound || isHosts
            ? host.Raw(isInbound ? programs.UntrackedIngress : programs.UntrackedEgress, answer, isInbound, isAnswer: true) : null;
        return raw ?? (tracked || (isHosts
            ? host.Normal(isInbound ? programs.Ingress : programs.Egress, answer, isInbound)
            : host.Decides(isInbound ? programs.ForwardIngress : programs.ForwardEgress, answer)));
    }

    private (Host? Host, WorkloadEndpointId? Id, Cidr Address) End(string name) => _workloads.TryGetValue(name, out var workload)
        ? (workload.Host, workload.Id, workload.Address)
        : _hosts.TryGetValue(name, out var host) ? (host, null, host.Address)
        : (null, null, Cidr.Parse("192.0.2.200/32"));

    private Host HostOf(string node)
    {
        if (!_hosts.TryGetValue(node, out var host))
        {
            _hosts.Add(node, host = new(node, Cidr.Parse($"192.0.2.{_hosts.Count + 1}/32")));
        }

        return host;
    }

    private sealed class Host(string node, Cidr address)
    {
        private readonly Dictionary<string, HashSet<IpSetMember>> _sets = new(StringComparer.Ordinal);
        private readonly Dictionary<string, RuleList> _lists = new(StringComparer.Ordinal);
        private readonly Dictionary<WorkloadEndpointId, EndpointUpdate> _endpoints = [];
        private readonly Dictionary<string, HostInterfaceUpdate> _interfaces = new(StringComparer.Ordinal);
        private PolicyOracle? _oracle;

        public CalculationGraph Graph { get; } = new(node, followsServices: true);

        public Cidr Address => address;

        public HostPrograms? Programs =>
            (_interfaces.GetValueOrDefault(Uplink) ?? _interfaces.GetValueOrDefault(HostInterfaceUpdate.AllInterfaces))?.Programs;

        public void Settle(IEnumerable<SyncUpdate> updates)
        {
            Graph.SetInterface(Uplink, [address]);
            Graph.Apply(new(SyncStatus.InSync, 1, [.. updates]));
            foreach (var update in Graph.Flush())
            {
                switch (update)
                {
                    case IpSetUpdate set:
                        _sets[set.Id] = [.. set.Added];
                        break;
                    case RuleListUpdate list:
                        _lists[list.List.Id] = list.List;
                        break;
                    case EndpointUpdate endpoint:
                        _endpoints[endpoint.Id] = endpoint;
                        break;
                    case HostInterfaceUpdate host:
                        _interfaces[host.InterfaceName] = host;
                        break;
                    default:
                        break;
                }
            }

            _oracle = new(_lists.GetValueOrDefault, (set, member) => _sets[set]
                .Any(m => m.Port != 0 ? m == member : m.Address.Contains(member.Address)));
        }

        public bool Allows(WorkloadEndpointId id, PolicyDirection direction, FirstPacket packet) =>
            _oracle!.Allows(direction == PolicyDirection.Ingress ? _endpoints[id].Ingress : _endpoints[id].Egress, packet);

        /// <summary>Of what is not tracked: true it passes, false it does not, null it is asked further on.</summary>
        public bool? Raw(PolicyProgram program, FirstPacket packet, bool isInbound, bool isAnswer) => program.IsEmpty
            || IsFailsafe(packet, isInbound, isAnswer) ? null
            : _oracle!.Decide(program, packet) is { } rule ? rule.Action == RuleAction.Allow : null;

        public bool? PreDnat(PolicyProgram program, FirstPacket packet) => program.IsEmpty
            || IsFailsafe(packet, isInbound: true, isAnswer: false) ? null
            : _oracle!.Decide(program, packet) is { } rule ? rule.Action == RuleAction.Allow : null;

        public bool Normal(PolicyProgram program, FirstPacket packet, bool isInbound) => IsFailsafe(packet, isInbound, isAnswer: false)
            || _oracle!.Allows(program, packet);

        /// <summary>Of forwarded traffic: what no tier decides goes on.</summary>
        public bool Decides(PolicyProgram program, FirstPacket packet) =>
            _oracle!.Decide(program, packet) is not { Action: RuleAction.Deny };

        public string Text() => string.Join('\n', (Programs?.All ?? []).Select(p => p.ToText(_lists.GetValueOrDefault)));

        private static bool IsFailsafe(FirstPacket packet, bool isInbound, bool isAnswer)
        {
            var (own, other) = isInbound ? (FailsafePorts.Default.Inbound, FailsafePorts.Default.Outbound)
                : (FailsafePorts.Default.Outbound, FailsafePorts.Default.Inbound);
            return own.Items.Any(f => f.Protocol == packet.Protocol && f.Port == packet.DestinationPort)
                || (isAnswer && other.Items.Any(f => f.Protocol == packet.Protocol && f.Port == packet.SourcePort));
        }
    }
}
