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
/// The endpoint's own label wins; between profiles the first in its list that has it. Endpoints that are alike share one source, and
/// with it one set of labels: an endpoint costs its name, its addresses and a few references.
/// </remarks>
/// <param name="set">Gets an item's state before (null: it is new) and now.</param>
/// <param name="remove">Gets the last state of an item that is gone.</param>
internal sealed class EndpointLabels(Action<LabeledItem?, LabeledItem> set, Action<LabeledItem> remove)
{
    private static readonly ImmutableSortedDictionary<string, string> NoLabels = ImmutableSortedDictionary<string, string>.Empty;

    private readonly SharedTexts _texts = new();
    private readonly RecentSources _recent = new();
    private readonly Dictionary<ItemKey, (LabeledItem Item, LabelSource Source)> _endpoints = [];
    private readonly Dictionary<LabelSource, LabelSource> _sources = [];
    private readonly Dictionary<string, HashSet<LabelSource>> _byProfile = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImmutableSortedDictionary<string, string>> _profiles = new(StringComparer.Ordinal);

    public void Set(ItemKey key, ImmutableSortedDictionary<string, string> own, ImmutableArray<string> profiles,
        ImmutableArray<Cidr> addresses,
        ImmutableArray<EndpointPort> ports)
    {
        var former = _endpoints.TryGetValue(key, out var found) ? found : ((LabeledItem Item, LabelSource Source)?)null;
        var source = Source(own, profiles, ports);
        var item = new LabeledItem(former?.Item.Key ?? key, source.Labels, addresses, source.Ports);
        _endpoints[item.Key] = (item, source);
        source.Items.Add(item);
        set(former?.Item, item);
        Leave(former);
    }

    public void Remove(ItemKey key)
    {
        if (_endpoints.Remove(key, out var endpoint))
        {
            remove(endpoint.Item);
            Leave(endpoint);
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

        foreach (var source in _byProfile.GetValueOrDefault(name, []))
        {
            source.Labels = Merge(source);
            foreach (var item in source.Items.ToList())
            {
                var now = item with { Labels = source.Labels };
                source.Items.Remove(item);
                source.Items.Add(now);
                _endpoints[item.Key] = (now, source);
                set(item, now);
            }
        }
    }

    /// <summary>What the endpoint's labels are now.</summary>
    public IReadOnlyDictionary<string, string> LabelsOf(ItemKey key) => _endpoints[key].Item.Labels;

    private LabelSource Source(ImmutableSortedDictionary<string, string> own, ImmutableArray<string> profiles,
        ImmutableArray<EndpointPort> ports)
    {
        // One that nobody had for a moment was forgotten, and would not follow its profiles any more.
        if (_recent.Find(own, profiles) is { Items.Count: > 0, Ports.IsEmpty: true } recent && ports.IsEmpty)
        {
            return recent;
        }

        var source = new LabelSource(new(own, _texts.Share), [.. profiles.Select(_texts.Share)], ports);
        if (_sources.TryGetValue(source, out var known))
        {
            _recent.Keep(own, profiles, known);
            return known;
        }

        _recent.Keep(own, profiles, source);
        _sources.Add(source, source);
        foreach (var profile in source.Profiles)
        {
            if (!_byProfile.TryGetValue(profile, out var sources))
            {
                _byProfile.Add(profile, sources = []);
            }

            sources.Add(source);
        }

        source.Labels = Merge(source);
        return source;
    }

    private LabelSet Merge(LabelSource source)
    {
        Dictionary<string, string>? merged = null;
        foreach (var profile in source.Profiles)
        {
            foreach (var (label, value) in _profiles.GetValueOrDefault(profile, NoLabels))
            {
                merged ??= new(source.Own, StringComparer.Ordinal);
                merged.TryAdd(label, value);
            }
        }

        return merged is null ? source.Own : new(merged, _texts.Share);
    }

    private void Leave((LabeledItem Item, LabelSource Source)? former)
    {
        if (former is not var (item, source))
        {
            return;
        }

        source.Items.Remove(item);
        if (source.Items.Count > 0)
        {
            return;
        }

        _sources.Remove(source);
        foreach (var profile in source.Profiles)
        {
            // A list may name a profile twice; the second time it is gone already.
            if (_byProfile.TryGetValue(profile, out var sources) && sources.Remove(source) && sources.Count == 0)
            {
                _byProfile.Remove(profile);
            }
        }
    }
}
