namespace Calico.Felix;

/// <summary>What should be, and how it differs from what was told last (to the dataplane, to the kernel).</summary>
/// <remarks>
/// What is desired is held whole; of what was told only the keys that differ, each with what was told of it, so a large map is held once. A
/// key that is as it was told counts as untouched, whatever happened to it in between. Not thread-safe.
/// </remarks>
public sealed class Delta<TKey, TValue> where TKey : notnull
{
    private const int LargestKept = 1024;

    private readonly Dictionary<TKey, TValue> _desired;
    private readonly Dictionary<TKey, (bool Was, TValue? Value)> _told;

    /// <param name="comparer">Of keys; null: the default.</param>
    public Delta(IEqualityComparer<TKey>? comparer = null) => (_desired, _told) = (new(comparer), new(comparer));

    /// <summary>What should be.</summary>
    public IReadOnlyDictionary<TKey, TValue> Desired => _desired;

    /// <summary>Whether anything differs.</summary>
    public bool IsPending => _told.Count > 0;

    /// <summary>How many keys were told and are not gone.</summary>
    public int ToldCount => _desired.Keys.Count(k => !_told.ContainsKey(k)) + _told.Values.Count(t => t.Was);

    /// <summary>What differs, in no order.</summary>
    public IEnumerable<Change> Changes =>
        _told.Select(t => new Change(t.Key, t.Value.Was, t.Value.Value, _desired.TryGetValue(t.Key, out var desired), desired));

    public void Set(TKey key, TValue value)
    {
        Touch(key);
        _desired[key] = value;
        if (_told[key] is (true, var told) && EqualityComparer<TValue>.Default.Equals(told, value))
        {
            _told.Remove(key);
        }
    }

    public void Remove(TKey key)
    {
        if (!_desired.ContainsKey(key))
        {
            return;
        }

        Touch(key);
        _desired.Remove(key);
        if (!_told[key].Was)
        {
            _told.Remove(key);
        }
    }

    /// <summary>Makes these desired, and no others.</summary>
    public void Replace(IReadOnlyDictionary<TKey, TValue> desired)
    {
        ArgumentNullException.ThrowIfNull(desired);
        foreach (var gone in _desired.Keys.Where(k => !desired.ContainsKey(k)).ToList())
        {
            Remove(gone);
        }

        foreach (var (key, value) in desired)
        {
            Set(key, value);
        }
    }

    /// <summary>What was told of a key; false: nothing, or that it is gone.</summary>
    public bool TryGetTold(TKey key, out TValue? value)
    {
        if (_told.TryGetValue(key, out var told))
        {
            value = told.Value;
            return told.Was;
        }

        return _desired.TryGetValue(key, out value);
    }

    /// <summary>All that differs was told.</summary>
    public void Settle()
    {
        _told.Clear();
        if (_told.Capacity > LargestKept)
        {
            // The first list of a large store is not held twice for ever.
            _told.TrimExcess();
        }
    }

    /// <summary>What differs was told, apart from some.</summary>
    /// <param name="waits">Which of it was held back: it differs still.</param>
    public void Settle(Func<Change, bool> waits)
    {
        if (!Changes.Any(waits))
        {
            // Emptied one by one it would be as long to walk as it ever was.
            _told.Clear();
            return;
        }

        foreach (var change in Changes.Where(c => !waits(c)).ToList())
        {
            _told.Remove(change.Key);
        }
    }

    /// <summary>Whether a key is not as it was told.</summary>
    public bool Differs(TKey key) => _told.ContainsKey(key);

    /// <summary>Takes this for what was told, whatever was thought.</summary>
    public void Rebase(IReadOnlyDictionary<TKey, TValue> told)
    {
        ArgumentNullException.ThrowIfNull(told);
        _told.Clear();
        foreach (var (key, value) in told)
        {
            if (!_desired.TryGetValue(key, out var desired) || !EqualityComparer<TValue>.Default.Equals(desired, value))
            {
                _told.Add(key, (true, value));
            }
        }

        foreach (var key in _desired.Keys.Where(k => !told.ContainsKey(k)))
        {
            _told.Add(key, (false, default));
        }
    }

    private void Touch(TKey key)
    {
        if (!_told.ContainsKey(key))
        {
            _told.Add(key, (_desired.TryGetValue(key, out var value), value));
        }
    }

    /// <summary>One key that differs.</summary>
    /// <param name="Key">Which.</param>
    /// <param name="Was">It was told.</param>
    /// <param name="Former">As it was told.</param>
    /// <param name="Is">It is desired.</param>
    /// <param name="Desired">As it should be.</param>
    public readonly record struct Change(TKey Key, bool Was, TValue? Former, bool Is, TValue? Desired);
}
