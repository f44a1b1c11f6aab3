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
///   host --Set/Remove--> LocalEndpoints --> labels and addresses, as any endpoint's
///                             ^         --> routes
///   policies that apply,      |         --> programs and their lists
///   profiles ------Touch------+         --> EndpointUpdate, EndpointRemove
/// </code>
/// Programs are built when they are told, once for all that changed since.
/// </remarks>
internal sealed class LocalEndpoints(EndpointPrograms programs, EndpointLabels labels, Func<IEnumerable<Selector>> selectorsInForce,
    LocalRoutes routes,
    Delta<WorkloadEndpointId, EndpointUpdate> updates)
{
    private readonly Dictionary<WorkloadEndpointId, Local> _endpoints = [];
    private readonly Dictionary<ItemKey, WorkloadEndpointId> _ids = [];
    private readonly HashSet<WorkloadEndpointId> _pending = [];
    private readonly HashSet<WorkloadEndpointId> _dirty = [];

    public void Set(LocalEndpoint endpoint)
    {
        var key = Key(endpoint.Id);
        _ids[key] = endpoint.Id;
        if (_endpoints.TryGetValue(endpoint.Id, out var local))
        {
            local.Endpoint = endpoint;
        }
        else
        {
            _endpoints.Add(endpoint.Id, new(endpoint));
        }

        _dirty.Add(endpoint.Id);
        ImmutableArray<Cidr> addresses = [.. endpoint.Addresses.Select(Cidr.From)];
        labels.Set(key, WithReserved(endpoint), endpoint.Profiles, addresses,
            [.. endpoint.NamedPorts.Select(p => new EndpointPort(p.Name, (byte)p.Protocol, (ushort)p.Port))]);
        routes.Claim(endpoint.Id, endpoint.InterfaceName, addresses);
        if (endpoint.LabelsPending)
        {
            _pending.Add(endpoint.Id);
        }
        else
        {
            _pending.Remove(endpoint.Id);
        }
    }

    public void Remove(WorkloadEndpointId id)
    {
        if (!_endpoints.Remove(id, out var local))
        {
            return;
        }

        Release(local);
        var key = Key(id);
        labels.Remove(key);
        routes.Release(id);
        _ids.Remove(key);
        _pending.Remove(id);
        _dirty.Remove(id);
        updates.Remove(id);
    }

    /// <summary>Other policies apply to an endpoint, or the same in another order.</summary>
    public void Touch(ItemKey key)
    {
        if (_ids.TryGetValue(key, out var id))
        {
            _dirty.Add(id);
        }
    }

    /// <summary>Builds the programs that may have changed, and judges the endpoints whose labels are still to come against the selectors in
    /// force. Those are few (between two answers of an orchestrator), so each flush asks them anew.</summary>
    public void Build()
    {
        foreach (var id in _dirty)
        {
            var local = _endpoints[id];
            var (former, profiles) = (local.Programs, Profiles(local.Endpoint));
            local.Programs = (Build(local.Endpoint, profiles, PolicyDirection.Ingress),
                Build(local.Endpoint, profiles, PolicyDirection.Egress));
            // Released after the new ones are acquired: a list that both ask stays.
            Release(former);
            updates.Set(id, Update(local, EndpointGate.Open));
        }

        _dirty.Clear();
        foreach (var id in _pending)
        {
            var known = labels.LabelsOf(Key(id));
            var undecided = selectorsInForce().Any(s => s.Decide(known) == Truth.Unknown);
            updates.Set(id, Update(_endpoints[id], undecided ? EndpointGate.NotLabelled : EndpointGate.Open));
        }
    }

    private PolicyProgram Build(LocalEndpoint endpoint, ImmutableArray<string> profiles, PolicyDirection direction)
    {
        var program = programs.Build(Key(endpoint.Id), profiles, direction);
        programs.Acquire(program, profiles, direction);
        return program;
    }

    private void Release(Local local) => Release(local.Programs);

    private void Release((PolicyProgram Ingress, PolicyProgram Egress)? former)
    {
        if (former is { } both)
        {
            programs.Release(both.Ingress);
            programs.Release(both.Egress);
        }
    }

    private static ItemKey Key(WorkloadEndpointId id) => new(true, "", id.ToString());

    private static ImmutableArray<string> Profiles(LocalEndpoint endpoint) => [.. endpoint.Profiles.Distinct(StringComparer.Ordinal)];

    private static EndpointUpdate Update(Local local, EndpointGate gate) => new(local.Endpoint.Id, local.Endpoint.InterfaceName, gate,
        local.Programs?.Ingress ?? PolicyProgram.Empty,
        local.Programs?.Egress ?? PolicyProgram.Empty,
        new([.. local.Endpoint.Addresses.Select(Cidr.From)]),
        new([.. local.Endpoint.AllowedSources.Select(Cidr.From)]));

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

    private sealed class Local(LocalEndpoint endpoint)
    {
        public LocalEndpoint Endpoint { get; set; } = endpoint;

        /// <summary>Null: not built yet.</summary>
        public (PolicyProgram Ingress, PolicyProgram Egress)? Programs { get; set; }
    }
}
