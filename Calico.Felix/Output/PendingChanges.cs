namespace Calico.Felix.Output;

/// <summary>What should be, against what was told last; between two flushes only the last state of a key counts.</summary>
internal sealed class PendingChanges<TKey, TValue> where TKey : IEquatable<TKey> where TValue : class
{
    private readonly Dictionary<TKey, TValue> _desired = [];
    private readonly Dictionary<TKey, TValue> _told = [];
    private readonly HashSet<TKey> _touched = [];

    public IEnumerable<TKey> Keys => _desired.Keys;

    public void Set(TKey key, TValue value)
    {
        _desired[key] = value;
        _touched.Add(key);
    }

    public void Remove(TKey key)
    {
        if (_desired.Remove(key))
        {
            _touched.Add(key);
        }
    }

    /// <summary>What is new or differs from what was told, and what was told and is gone; both in the order of the keys' text, so that
    /// the same change always gives the same output.</summary>
    public (List<TValue> Updated, List<TKey> Removed) Take()
    {
        var (updated, removed) = (new List<TValue>(), new List<TKey>());
        foreach (var key in _touched.OrderBy(k => k.ToString(), StringComparer.Ordinal))
        {
            if (_desired.TryGetValue(key, out var value))
            {
                if (!_told.TryGetValue(key, out var before) || !value.Equals(before))
                {
                    updated.Add(value);
                    _told[key] = value;
                }
            }
            else if (_told.Remove(key))
            {
                removed.Add(key);
            }
        }
        _touched.Clear();
        return (updated, removed);
    }
}
