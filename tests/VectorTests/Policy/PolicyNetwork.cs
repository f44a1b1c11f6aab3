using Calico.Datastore.Sync;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.VectorTests.Policy;

/// <summary>Endpoints and policies of a vector in one calculation graph, and what its programs say of a connection.</summary>
internal sealed class PolicyNetwork
{
    private readonly Dictionary<string, HashSet<IpSetMember>> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RuleList> _lists = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EndpointUpdate> _endpoints = new(StringComparer.Ordinal);

    public PolicyNetwork(PolicyVector vector)
    {
        var graph = new CalculationGraph("node", followsServices: true);
        foreach (var endpoint in vector.Endpoints)
        {
            graph.Set(endpoint.Local);
        }

        var names = vector.Endpoints.ToDictionary(e => e.Local.Id, e => e.Name);
        graph.Apply(new(SyncStatus.InSync, 1, vector.Updates));
        foreach (var update in graph.Flush())
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
                    _endpoints[names[endpoint.Id]] = endpoint;
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>Whether both ends' programs let it begin. A workload reaches itself without a packet.</summary>
    public bool Allows(VectorFlow flow)
    {
        if (flow.Source == flow.Destination)
        {
            return true;
        }

        var (from, to) = (_endpoints[flow.Source], _endpoints[flow.Destination]);
        var oracle = new PolicyOracle(_lists.GetValueOrDefault, (set, member) => member.Port != 0
            ? _sets[set].Contains(member)
            : _sets[set].Any(range => range.Address.Contains(member.Address)));
        var packet = new FirstPacket(from.Addresses[0], to.Addresses[0], flow.Protocol, 40000, flow.Port, null);
        return oracle.Allows(from.Egress, packet) && oracle.Allows(to.Ingress, packet);
    }

    /// <summary>The programs, for a failure's message.</summary>
    public string Text() => string.Join('\n', _endpoints.Select(e =>
        $"{e.Key} ingress:\n{e.Value.Ingress.ToText(_lists.GetValueOrDefault)}\n"
        + $"{e.Key} egress:\n{e.Value.Egress.ToText(_lists.GetValueOrDefault)}"));
}
