using System.Collections.Immutable;
using Calico.Datastore.Addresses;
using Calico.Datastore.Kubernetes;
using Calico.Datastore.Sync;
using Calico.Felix.Output;

namespace Calico.Felix.Calculation;

/// <summary>Slices of Services' endpoints, and the IP sets in force that ask for them.</summary>
/// <remarks>
/// <code>
///   EndpointSlice --Apply--------+
///                                +--> what a slice brings to a set, before and after --> IpSetMembers
///   sets of Services --Add, Remove
/// </code>
/// A Service that nobody knows has no endpoints, and no packet is to or from it.
/// </remarks>
internal sealed class ServiceEndpoints(Action<IpSetMembers.IpSet, IEnumerable<IpSetMember>, IEnumerable<IpSetMember>> changed)
{
    private readonly Dictionary<ResourceKey, Slice> _slices = [];
    private readonly Dictionary<ServiceName, HashSet<ResourceKey>> _byService = [];
    private readonly Dictionary<ServiceName, HashSet<IpSetMembers.IpSet>> _asked = [];

    public void Apply(SyncUpdate update)
    {
        var former = _slices.GetValueOrDefault(update.Key);
        var now = EndpointSliceConversion.Find(update) is { } spec
            ? new Slice(new(update.Key.Namespace, spec.Service), spec.Addresses, spec.Ports) : null;
        // First what comes, then what goes: a member that stays never leaves in between.
        Tell(now?.Service, now, former?.Service == now?.Service ? former : null);
        if (former is not null && former.Service != now?.Service)
        {
            Tell(former.Service, null, former);
        }

        if (former is not null && _byService[former.Service] is var others && others.Remove(update.Key) && others.Count == 0)
        {
            _byService.Remove(former.Service);
        }

        if (now is null)
        {
            _slices.Remove(update.Key);
            return;
        }

        _slices[update.Key] = now;
        Of(_byService, now.Service).Add(update.Key);
    }

    /// <summary>A set of a Service's endpoints is asked from now on; its members are told at once.</summary>
    public void Add(IpSetMembers.IpSet set, ServiceName service)
    {
        Of(_asked, service).Add(set);
        foreach (var slice in SlicesOf(service))
        {
            changed(set, slice.MembersOf(set.Definition), []);
        }
    }

    public void Remove(IpSetMembers.IpSet set, ServiceName service)
    {
        if (_asked[service].Remove(set) && _asked[service].Count == 0)
        {
            _asked.Remove(service);
        }

        foreach (var slice in SlicesOf(service))
        {
            changed(set, [], slice.MembersOf(set.Definition));
        }
    }

    private IEnumerable<Slice> SlicesOf(ServiceName service) => _byService.GetValueOrDefault(service, []).Select(key => _slices[key]);

    private void Tell(ServiceName? service, Slice? now, Slice? former)
    {
        foreach (var set in service is { } known ? _asked.GetValueOrDefault(known, []) : [])
        {
            changed(set, now?.MembersOf(set.Definition) ?? [], former?.MembersOf(set.Definition) ?? []);
        }
    }

    private static HashSet<T> Of<T>(Dictionary<ServiceName, HashSet<T>> sets, ServiceName service)
    {
        if (!sets.TryGetValue(service, out var set))
        {
            sets.Add(service, set = []);
        }

        return set;
    }

    private sealed record Slice(ServiceName Service, ImmutableArray<Cidr> Addresses, ImmutableArray<EndpointSlicePort> Ports)
    {
        public IEnumerable<IpSetMember> MembersOf(IpSetDefinition definition) => !definition.HasPorts
            ? Addresses.Select(address => new IpSetMember(address))
            : from port in Ports from address in Addresses select new IpSetMember(address, port.Protocol, port.Port);
    }
}
