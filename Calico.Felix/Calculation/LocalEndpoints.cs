using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Selectors;
using Calico.Felix.Labels;
using Calico.Felix.Output;
using Calico.Felix.Rules;

namespace Calico.Felix.Calculation;

/// <summary>The endpoints of this node, from the host.</summary>
/// <remarks>
/// <code>
///   host --Set/Remove--> LocalEndpoints --> profiles in force
///                                       --> labels and addresses, as any endpoint's
///                                       --> routes
///                                       --> EndpointUpdate, EndpointRemove
/// </code>
/// </remarks>
internal sealed class LocalEndpoints(ActiveProfiles profiles, EndpointLabels labels, IpSetMembers sets, LocalRoutes routes,
    Delta<WorkloadEndpointId, EndpointUpdate> updates)
{
    private readonly Dictionary<WorkloadEndpointId, LocalEndpoint> _endpoints = [];
    private readonly HashSet<WorkloadEndpointId> _pending = [];

    public IEnumerable<WorkloadEndpointId> Ids => _endpoints.Keys;

    public void Set(LocalEndpoint endpoint)
    {
        var former = _endpoints.GetValueOrDefault(endpoint.Id);
        _endpoints[endpoint.Id] = endpoint;
        foreach (var profile in endpoint.Profiles.Distinct(StringComparer.Ordinal))
        {
            profiles.Acquire(profile);
        }
        ReleaseProfiles(former);
        ImmutableArray<Cidr> addresses = [.. endpoint.Addresses.Select(Cidr.From)];
        labels.Set(Key(endpoint.Id), WithReserved(endpoint), endpoint.Profiles, addresses,
            [.. endpoint.NamedPorts.Select(p => new EndpointPort(p.Name, (byte)p.Protocol, (ushort)p.Port))]);
        routes.Claim(endpoint.Id, endpoint.InterfaceName, addresses);
        if (endpoint.LabelsPending)
        {
            _pending.Add(endpoint.Id);
        }
        else
        {
            _pending.Remove(endpoint.Id);
            updates.Set(endpoint.Id, Update(endpoint, EndpointGate.Open));
        }
    }

    public void Remove(WorkloadEndpointId id)
    {
        if (!_endpoints.Remove(id, out var former))
        {
            return;
        }
        ReleaseProfiles(former);
        labels.Remove(Key(id));
        routes.Release(id);
        _pending.Remove(id);
        updates.Remove(id);
    }

    /// <summary>Judges the endpoints whose labels are still to come against the selectors in force. They are few (between two answers of
    /// an orchestrator), so each flush asks anew.</summary>
    public void Gate()
    {
        foreach (var id in _pending)
        {
            var known = labels.LabelsOf(Key(id));
            var undecided = sets.Index.Selectors.Any(s => s.Decide(known) == Truth.Unknown);
            updates.Set(id, Update(_endpoints[id], undecided ? EndpointGate.NotLabelled : EndpointGate.Open));
        }
    }

    private static ItemKey Key(WorkloadEndpointId id) => new(true, id.ToString());

    private static EndpointUpdate Update(LocalEndpoint endpoint, EndpointGate gate) => new(endpoint.Id, endpoint.InterfaceName, gate,
        new([.. endpoint.Profiles.Distinct(StringComparer.Ordinal).Select(p => ActiveProfiles.ListId(p, PolicyDirection.Ingress))]),
        new([.. endpoint.Profiles.Distinct(StringComparer.Ordinal).Select(p => ActiveProfiles.ListId(p, PolicyDirection.Egress))]),
        new([.. endpoint.Addresses.Select(Cidr.From)]),
        new([.. endpoint.AllowedSources.Select(Cidr.From)]));

    /// <summary>Whatever a workload claims to be, these say what it is.</summary>
    private static ImmutableSortedDictionary<string, string> WithReserved(LocalEndpoint endpoint)
    {
        var labels = endpoint.Labels
            .SetItem(EffectiveSelector.NamespaceLabel, endpoint.Namespace)
            .SetItem(EffectiveSelector.OrchestratorLabel, endpoint.Id.Orchestrator);
        // Longer names than a label's value may be are left out, as upstream.
        return endpoint.ServiceAccount.Length is > 0 and < 63
            ? labels.SetItem(EffectiveSelector.ServiceAccountLabel, endpoint.ServiceAccount)
            : labels;
    }

    private void ReleaseProfiles(LocalEndpoint? former)
    {
        foreach (var profile in former?.Profiles.Distinct(StringComparer.Ordinal) ?? [])
        {
            profiles.Release(profile);
        }
    }
}
