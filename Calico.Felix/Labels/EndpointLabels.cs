using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Felix.Labels;

/// <summary>Adds to each endpoint's own labels those that its profiles apply.</summary>
/// <remarks>
/// <code>
///   endpoints (own labels, profiles) --+
///                                      +--> LabeledItem --> index
///   profiles (labelsToApply) ----------+
/// </code>
/// The endpoint's own label wins; between profiles the first in its list that has it.
/// </remarks>
internal sealed class EndpointLabels(Action<LabeledItem> set, Action<ItemKey> remove)
{
    private static readonly ImmutableSortedDictionary<string, string> NoLabels = ImmutableSortedDictionary<string, string>.Empty;

    private readonly Dictionary<ItemKey, Endpoint> _endpoints = [];
    private readonly Dictionary<string, HashSet<ItemKey>> _byProfile = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImmutableSortedDictionary<string, string>> _profiles = new(StringComparer.Ordinal);

    public void Set(ItemKey key, ImmutableSortedDictionary<string, string> own, ImmutableArray<string> profiles, ImmutableArray<Cidr> addresses,
        ImmutableArray<EndpointPort> ports)
    {
        if (_endpoints.TryGetValue(key, out var before))
        {
            Detach(key, before.Profiles);
        }
        var endpoint = new Endpoint(own, profiles, addresses, ports);
        _endpoints[key] = endpoint;
        foreach (var profile in profiles)
        {
            if (!_byProfile.TryGetValue(profile, out var members))
            {
                _byProfile.Add(profile, members = []);
            }
            members.Add(key);
        }
        set(Merge(key, endpoint));
    }

    public void Remove(ItemKey key)
    {
        if (_endpoints.Remove(key, out var endpoint))
        {
            Detach(key, endpoint.Profiles);
            remove(key);
        }
    }

    /// <summary>Null: the profile is gone.</summary>
    public void SetProfile(string name, ImmutableSortedDictionary<string, string>? labels)
    {
        labels ??= NoLabels;
        var before = _profiles.GetValueOrDefault(name, NoLabels);
        if (labels.Count == before.Count && labels.All(l => before.TryGetValue(l.Key, out var value) && value == l.Value))
        {
            return;
        }
        if (labels.IsEmpty)
        {
            _profiles.Remove(name);
        }
        else
        {
            _profiles[name] = labels;
        }
        foreach (var key in _byProfile.GetValueOrDefault(name, []))
        {
            set(Merge(key, _endpoints[key]));
        }
    }

    /// <summary>What the endpoint's labels are now.</summary>
    public IReadOnlyDictionary<string, string> LabelsOf(ItemKey key) => Merge(key, _endpoints[key]).Labels;

    private LabeledItem Merge(ItemKey key, Endpoint endpoint)
    {
        Dictionary<string, string>? merged = null;
        foreach (var profile in endpoint.Profiles)
        {
            foreach (var (label, value) in _profiles.GetValueOrDefault(profile, NoLabels))
            {
                merged ??= new(endpoint.Own, StringComparer.Ordinal);
                merged.TryAdd(label, value);
            }
        }
        return new(key, merged is null ? endpoint.Own : merged, endpoint.Addresses, endpoint.Ports);
    }

    private void Detach(ItemKey key, ImmutableArray<string> profiles)
    {
        foreach (var profile in profiles)
        {
            // A list may name a profile twice; the second time it is gone already.
            if (_byProfile.TryGetValue(profile, out var members) && members.Remove(key) && members.Count == 0)
            {
                _byProfile.Remove(profile);
            }
        }
    }

    private sealed record Endpoint(ImmutableSortedDictionary<string, string> Own, ImmutableArray<string> Profiles,
        ImmutableArray<Cidr> Addresses, ImmutableArray<EndpointPort> Ports);
}
