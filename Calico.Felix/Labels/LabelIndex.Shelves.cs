namespace Calico.Felix.Labels;

/// <summary>Where queries and groups are filed, so that each meets only those of the other that it may match.</summary>
internal sealed partial class LabelIndex<TQuery>
{
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

    private void File(Group group)
    {
        foreach (var (label, value) in group.Labels)
        {
            if (!_groupsByLabel.TryGetValue(label, out var byValue))
            {
                _groupsByLabel.Add(label, byValue = new(StringComparer.Ordinal));
            }

            if (!byValue.TryGetValue(value, out var groups))
            {
                byValue.Add(value, groups = []);
            }

            groups.Add(group);
        }
    }

    private void Unfile(Group group)
    {
        foreach (var (label, value) in group.Labels)
        {
            var byValue = _groupsByLabel[label];
            byValue[value].Remove(group);
            if (byValue[value].Count == 0)
            {
                byValue.Remove(value);
            }

            if (byValue.Count == 0)
            {
                _groupsByLabel.Remove(label);
            }
        }
    }
}
