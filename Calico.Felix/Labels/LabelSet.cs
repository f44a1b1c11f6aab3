using System.Collections;

namespace Calico.Felix.Labels;

/// <summary>Labels, compared by content, in one array: many endpoints share one.</summary>
internal sealed class LabelSet : IReadOnlyDictionary<string, string>, IEquatable<LabelSet>
{
    /// <summary>Key and value in turn, in the order of the keys' code units.</summary>
    private readonly string[] _texts;

    private readonly int _hash;

    /// <param name="labels">Each key once.</param>
    /// <param name="share">Gives the one instance of a text.</param>
    public LabelSet(IEnumerable<KeyValuePair<string, string>> labels, Func<string, string> share)
    {
        _texts = [.. labels.OrderBy(l => l.Key, StringComparer.Ordinal).SelectMany(l => (string[])[share(l.Key), share(l.Value)])];
        var hash = new HashCode();
        foreach (var text in _texts)
        {
            hash.Add(text, StringComparer.Ordinal);
        }

        _hash = hash.ToHashCode();
    }

    public int Count => _texts.Length / 2;

    public IEnumerable<string> Keys => this.Select(l => l.Key);

    public IEnumerable<string> Values => this.Select(l => l.Value);

    public string this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);

    public bool ContainsKey(string key) => TryGetValue(key, out _);

    /// <param name="key">Which label.</param>
    /// <param name="value">Empty where there is none.</param>
    public bool TryGetValue(string key, out string value)
    {
        var (low, high) = (0, Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var order = string.CompareOrdinal(_texts[middle * 2], key);
            if (order == 0)
            {
                value = _texts[(middle * 2) + 1];
                return true;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        value = "";
        return false;
    }

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator()
    {
        for (var i = 0; i < _texts.Length; i += 2)
        {
            yield return new(_texts[i], _texts[i + 1]);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public bool Equals(LabelSet? other) => other is not null && _hash == other._hash && _texts.AsSpan().SequenceEqual(other._texts);

    public override bool Equals(object? obj) => Equals(obj as LabelSet);

    public override int GetHashCode() => _hash;
}
