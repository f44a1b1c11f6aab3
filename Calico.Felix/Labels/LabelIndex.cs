using Calico.Datastore.Selectors;

namespace Calico.Felix.Labels;

/// <summary>Which items match which queries, kept while either side changes.</summary>
/// <remarks>
/// <code>
///   items --Set/Remove--+
///                       +--> matches --changed(query, before, after)-->
///   queries --Add/Remove+
/// </code>
/// A query is filed under one necessary condition of its selector (a value of a label, or that a label is there), so a changed item
/// meets only the queries that its labels call for, and a new query only the items that can match.
/// </remarks>
internal sealed class LabelIndex<TQuery>(Action<TQuery, LabeledItem?, LabeledItem?> changed) where TQuery : class
{
    private readonly Dictionary<ItemKey, Item> _items = [];
    private readonly Dictionary<string, Dictionary<string, HashSet<Item>>> _itemsByLabel = new(StringComparer.Ordinal);
    private readonly Dictionary<TQuery, Query> _queries = [];
    private readonly Dictionary<(string Label, string Value), HashSet<Query>> _queriesByValue = [];
    private readonly Dictionary<string, HashSet<Query>> _queriesByLabel = new(StringComparer.Ordinal);
    private readonly HashSet<Query> _unfiled = [];

    /// <summary>Selectors in force.</summary>
    public IEnumerable<Selector> Selectors => _queries.Values.Select(q => q.Selector);

    /// <summary>Adds an item, or replaces its state.</summary>
    public void Set(LabeledItem state)
    {
        var isNew = !_items.TryGetValue(state.Key, out var item);
        if (isNew)
        {
            _items.Add(state.Key, item = new Item(state));
        }
        var before = item!.State;
        if (isNew || !ReferenceEquals(before.Labels, state.Labels))
        {
            if (!isNew)
            {
                Unfile(item);
            }
            item.State = state;
            File(item);
        }
        item.State = state;
        var old = item.Matches;
        item.Matches = [.. Candidates(state).Where(q => q.Selector.Matches(state.Labels))];
        foreach (var query in item.Matches)
        {
            var had = !query.Items.Add(item);
            changed(query.Key, had ? before : null, state);
        }
        foreach (var query in old.Except(item.Matches))
        {
            query.Items.Remove(item);
            changed(query.Key, before, null);
        }
    }

    public void Remove(ItemKey key)
    {
        if (!_items.Remove(key, out var item))
        {
            return;
        }
        Unfile(item);
        foreach (var query in item.Matches)
        {
            query.Items.Remove(item);
            changed(query.Key, item.State, null);
        }
    }

    /// <summary>Adds a query; what matches is told at once.</summary>
    public void Add(TQuery key, Selector selector)
    {
        var query = new Query(key, selector);
        _queries.Add(key, query);
        foreach (var shelf in Shelves(query, create: true))
        {
            shelf.Add(query);
        }
        foreach (var item in Candidates(query).Where(i => selector.Matches(i.State.Labels)))
        {
            query.Items.Add(item);
            item.Matches.Add(query);
            changed(key, null, item.State);
        }
    }

    public void Remove(TQuery key)
    {
        if (!_queries.Remove(key, out var query))
        {
            return;
        }
        foreach (var shelf in Shelves(query, create: false))
        {
            shelf.Remove(query);
        }
        RemoveEmptyShelves(query);
        foreach (var item in query.Items)
        {
            item.Matches.Remove(query);
            changed(key, item.State, null);
        }
    }

    private IEnumerable<Query> Candidates(LabeledItem state)
    {
        foreach (var (label, value) in state.Labels)
        {
            if (_queriesByValue.TryGetValue((label, value), out var byValue))
            {
                foreach (var query in byValue)
                {
                    yield return query;
                }
            }
            if (_queriesByLabel.TryGetValue(label, out var byLabel))
            {
                foreach (var query in byLabel)
                {
                    yield return query;
                }
            }
        }
        foreach (var query in _unfiled)
        {
            yield return query;
        }
    }

    private IEnumerable<Item> Candidates(Query query)
    {
        if (query.Label is null)
        {
            return _items.Values;
        }
        if (!_itemsByLabel.TryGetValue(query.Label, out var byValue))
        {
            return [];
        }
        return query.Values is { } values
            ? values.SelectMany(v => byValue.TryGetValue(v, out var items) ? items : [])
            : byValue.Values.SelectMany(items => items);
    }

    private List<HashSet<Query>> Shelves(Query query, bool create)
    {
        if (query.Label is null)
        {
            return [_unfiled];
        }
        if (query.Values is null)
        {
            return Shelf(_queriesByLabel, query.Label, create) is { } shelf ? [shelf] : [];
        }
        return [.. query.Values.Select(v => Shelf(_queriesByValue, (query.Label, v), create)).OfType<HashSet<Query>>()];
    }

    private static HashSet<Query>? Shelf<TKey>(Dictionary<TKey, HashSet<Query>> shelves, TKey key, bool create) where TKey : notnull
    {
        if (!shelves.TryGetValue(key, out var shelf) && create)
        {
            shelves.Add(key, shelf = []);
        }
        return shelf;
    }

    private void RemoveEmptyShelves(Query query)
    {
        if (query.Label is { } label && query.Values is null && _queriesByLabel.TryGetValue(label, out var byLabel) && byLabel.Count == 0)
        {
            _queriesByLabel.Remove(label);
        }
        foreach (var key in query.Values?.Select(v => (query.Label!, v)) ?? [])
        {
            if (_queriesByValue.TryGetValue(key, out var byValue) && byValue.Count == 0)
            {
                _queriesByValue.Remove(key);
            }
        }
    }

    private void File(Item item)
    {
        foreach (var (label, value) in item.State.Labels)
        {
            if (!_itemsByLabel.TryGetValue(label, out var byValue))
            {
                _itemsByLabel.Add(label, byValue = new(StringComparer.Ordinal));
            }
            if (!byValue.TryGetValue(value, out var items))
            {
                byValue.Add(value, items = []);
            }
            items.Add(item);
        }
    }

    private void Unfile(Item item)
    {
        foreach (var (label, value) in item.State.Labels)
        {
            var byValue = _itemsByLabel[label];
            byValue[value].Remove(item);
            if (byValue[value].Count == 0)
            {
                byValue.Remove(value);
            }
            if (byValue.Count == 0)
            {
                _itemsByLabel.Remove(label);
            }
        }
    }

    private sealed class Item(LabeledItem state)
    {
        public LabeledItem State { get; set; } = state;

        public List<Query> Matches { get; set; } = [];
    }

    private sealed class Query
    {
        public Query(TQuery key, Selector selector)
        {
            (Key, Selector) = (key, selector);
            var narrowest = selector.Restrictions
                .Where(r => r.Value.MustBePresent)
                .OrderBy(r => r.Value.OneOf?.Length ?? int.MaxValue)
                .FirstOrDefault();
            Label = narrowest.Key;
            Values = narrowest.Value?.OneOf is { } values ? [.. values] : null;
        }

        public TQuery Key { get; }

        public Selector Selector { get; }

        /// <summary>Everything that matches has this label; null: nothing is known.</summary>
        public string? Label { get; }

        /// <summary>With one of these values; null: any.</summary>
        public string[]? Values { get; }

        public HashSet<Item> Items { get; } = [];
    }
}
