using Calico.Datastore.Selectors;

namespace Calico.Felix.Labels;

/// <summary>Which items match which queries, kept while either side changes.</summary>
/// <remarks>
/// <code>
///   items --Set/Remove--+
///                       +--> matches --changed(query, before, after)-->
///   queries --Add/Remove+
/// </code>
/// Items that hold one instance of labels are one group, and a selector is asked once for all of it. A query is filed under one
/// necessary condition of its selector (a value of a label, or that a label is there), so a new group meets only the queries that its
/// labels call for, and a new query only the groups that can match.
/// </remarks>
internal sealed partial class LabelIndex<TQuery>(Action<TQuery, LabeledItem?, LabeledItem?> changed) where TQuery : class
{
    private readonly Dictionary<LabelSet, Group> _groups = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Dictionary<string, HashSet<Group>>> _groupsByLabel = new(StringComparer.Ordinal);
    private readonly Dictionary<TQuery, Query> _queries = [];
    private readonly Dictionary<(string Label, string Value), HashSet<Query>> _queriesByValue = [];
    private readonly Dictionary<string, HashSet<Query>> _queriesByLabel = new(StringComparer.Ordinal);
    private readonly HashSet<Query> _unfiled = [];

    /// <summary>Selectors in force.</summary>
    public IEnumerable<Selector> Selectors => _queries.Values.Select(q => q.Selector);

    /// <summary>Adds an item, or replaces its state.</summary>
    /// <param name="before">The state that was set last; null: there was none.</param>
    /// <param name="after">The state now.</param>
    public void Set(LabeledItem? before, LabeledItem after)
    {
        var old = before is null ? null : _groups[before.Labels];
        var group = GroupOf(after.Labels);
        old?.Items.Remove(before!);
        group.Items.Add(after);
        foreach (var query in group.Matches)
        {
            changed(query.Key, old is not null && query.Groups.Contains(old) ? before : null, after);
        }

        foreach (var query in old?.Matches ?? [])
        {
            if (!query.Groups.Contains(group))
            {
                changed(query.Key, before, null);
            }
        }

        RemoveIfEmpty(old);
    }

    /// <summary>Removes an item.</summary>
    /// <param name="item">The state that was set last.</param>
    public void Remove(LabeledItem item)
    {
        if (!_groups.TryGetValue(item.Labels, out var group) || !group.Items.Remove(item))
        {
            return;
        }

        foreach (var query in group.Matches)
        {
            changed(query.Key, item, null);
        }

        RemoveIfEmpty(group);
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

        foreach (var group in Candidates(query).Where(g => selector.Matches(g.Labels)))
        {
            query.Groups.Add(group);
            group.Matches.Add(query);
            foreach (var item in group.Items)
            {
                changed(key, null, item);
            }
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
        foreach (var group in query.Groups)
        {
            group.Matches.Remove(query);
            foreach (var item in group.Items)
            {
                changed(key, item, null);
            }
        }
    }

    private Group GroupOf(LabelSet labels)
    {
        if (_groups.TryGetValue(labels, out var group))
        {
            return group;
        }

        _groups.Add(labels, group = new(labels));
        File(group);
        group.Matches.AddRange(Candidates(labels).Where(q => q.Selector.Matches(labels)));
        foreach (var query in group.Matches)
        {
            query.Groups.Add(group);
        }

        return group;
    }

    private void RemoveIfEmpty(Group? group)
    {
        if (group is not { Items.Count: 0 })
        {
            return;
        }

        _groups.Remove(group.Labels);
        Unfile(group);
        foreach (var query in group.Matches)
        {
            query.Groups.Remove(group);
        }
    }

    private IEnumerable<Query> Candidates(LabelSet labels)
    {
        foreach (var (label, value) in labels)
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

    private IEnumerable<Group> Candidates(Query query)
    {
        if (query.Label is null)
        {
            return _groups.Values;
        }

        if (!_groupsByLabel.TryGetValue(query.Label, out var byValue))
        {
            return [];
        }

        return query.Values is { } values
            ? values.SelectMany(v => byValue.TryGetValue(v, out var groups) ? groups : [])
            : byValue.Values.SelectMany(groups => groups);
    }

    private sealed class Group(LabelSet labels)
    {
        public LabelSet Labels => labels;

        public HashSet<LabeledItem> Items { get; } = LabeledItem.NewSet();

        public List<Query> Matches { get; } = [];
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

        public HashSet<Group> Groups { get; } = [];
    }
}
