using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What a set or map should hold. The difference to the kernel is kept by touched element, so that a large set is held once.</summary>
internal sealed class SetContent(NftSet definition)
{
    private readonly Dictionary<NftElement, NftElement> _elements = [];
    private readonly Dictionary<NftElement, NftElement?> _touched = [];

    public NftSet Definition => definition;

    public bool InKernel { get; set; }

    public bool IsSettled => InKernel && _touched.Count == 0;

    public int Count => _elements.Count;

    /// <summary>Adds an element, or changes its data.</summary>
    public void Add(NftElement element)
    {
        var key = KeyOf(element);
        Touch(key);
        _elements[key] = element;
    }

    public void Remove(NftElement element)
    {
        var key = KeyOf(element);
        if (_elements.ContainsKey(key))
        {
            Touch(key);
            _elements.Remove(key);
        }
    }

    public bool Contains(NftElement element) => _elements.ContainsKey(KeyOf(element));

    /// <summary>Makes the elements these and no others.</summary>
    public void Replace(IEnumerable<NftElement> elements)
    {
        var desired = elements.ToDictionary(KeyOf);
        foreach (var gone in _elements.Keys.Where(k => !desired.ContainsKey(k)).ToList())
        {
            Remove(gone);
        }
        foreach (var element in desired.Values)
        {
            Add(element);
        }
    }

    /// <summary>What the kernel has to lose and to gain. Changed data is both: the kernel refuses an element that is there with other
    /// data.</summary>
    public (List<NftElement> Deleted, List<NftElement> Added) Difference()
    {
        var (deleted, added) = (new List<NftElement>(), new List<NftElement>());
        foreach (var (key, inKernel) in _touched)
        {
            NftElement? desired = _elements.TryGetValue(key, out var element) ? element : null;
            if (desired == inKernel)
            {
                continue;
            }
            if (inKernel is { } old)
            {
                deleted.Add(old);
            }
            if (desired is { } wanted)
            {
                added.Add(wanted);
            }
        }
        return (deleted, added);
    }

    /// <summary>The kernel holds it now.</summary>
    public void Settle()
    {
        InKernel = true;
        _touched.Clear();
    }

    /// <summary>Takes what the kernel really holds as the base of the difference; null: the set is not there.</summary>
    public void Rebase(IEnumerable<NftElement>? inKernel)
    {
        InKernel = inKernel is not null;
        _touched.Clear();
        foreach (var element in inKernel ?? [])
        {
            _touched[KeyOf(element)] = element;
        }
        foreach (var key in _elements.Keys)
        {
            if (_touched.TryGetValue(key, out var element) && element == _elements[key])
            {
                _touched.Remove(key);
            }
            else
            {
                _touched.TryAdd(key, null);
            }
        }
    }

    private void Touch(NftElement key) =>
        _touched.TryAdd(key, _elements.TryGetValue(key, out var element) ? element : null);

    private static NftElement KeyOf(NftElement element) => element with { Data = null, Verdict = null, Object = null };
}
