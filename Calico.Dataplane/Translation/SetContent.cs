using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What a set or map should hold. The difference to the kernel is kept by touched element, so that a large set is held once.</summary>
internal sealed class SetContent(NftSet definition)
{
    /// <summary>Where one range ends and the next begins, the end comes first.</summary>
    private static readonly Comparer<NftElement> ByKey = Comparer<NftElement>.Create((a, b) =>
        a.Key.Bytes.SequenceCompareTo(b.Key.Bytes) is not 0 and var order ? order : IsEnd(b).CompareTo(IsEnd(a)));

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
        if (definition is { Interval: true, Key.Length: 1 })
        {
            return DifferenceOfRanges();
        }
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

    /// <summary>The kernel takes and deletes a range only as a whole: its start, and right after it its end (nft_rbtree_deactivate, since
    /// 6.18; a listing has them the other way round). So a range of which one side changed goes and comes with both.</summary>
    private (List<NftElement> Deleted, List<NftElement> Added) DifferenceOfRanges()
    {
        var former = Ranges(_elements.Keys.Union(_touched.Keys).Select(Believed).OfType<NftElement>());
        var desired = Ranges(_elements.Values);
        return (Flat(former.Except(desired)), Flat(desired.Except(former)));

        static List<NftElement> Flat(IEnumerable<(NftElement First, NftElement? End)> ranges) =>
            [.. ranges.SelectMany(r => r.End is { } end ? new[] { r.First, end } : [r.First])];
    }

    /// <summary>Starts with their ends, ascending. One up to the largest key has none.</summary>
    private static List<(NftElement First, NftElement? End)> Ranges(IEnumerable<NftElement> elements)
    {
        var ranges = new List<(NftElement First, NftElement? End)>();
        foreach (var element in elements.Order(ByKey))
        {
            if (IsEnd(element) && ranges.Count > 0 && ranges[^1] is { End: null } open && !IsEnd(open.First))
            {
                ranges[^1] = (open.First, element);
            }
            else
            {
                ranges.Add((element, null));
            }
        }
        return ranges;
    }

    private static bool IsEnd(NftElement element) => (element.Flags & NftElementFlags.IntervalEnd) != 0;

    /// <summary>The kernel holds it now.</summary>
    public void Settle()
    {
        InKernel = true;
        _touched.Clear();
    }

    /// <summary>Takes what the kernel really holds as the base of the difference.</summary>
    /// <param name="inKernel">Null: the set is not there.</param>
    /// <returns>How many elements the kernel holds otherwise than was thought.</returns>
    public int Rebase(IReadOnlyCollection<NftElement>? inKernel)
    {
        var (found, believed) = (0, CountBelieved());
        var differing = 0;
        var actual = new Dictionary<NftElement, NftElement?>();
        foreach (var element in inKernel ?? [])
        {
            var key = KeyOf(element);
            actual[key] = element;
            if (Believed(key) is { } thought)
            {
                found++;
                differing += thought == element ? 0 : 1;
            }
            else
            {
                differing++;
            }
        }
        differing += believed - found;
        InKernel = inKernel is not null;
        _touched.Clear();
        foreach (var (key, element) in actual)
        {
            if (!_elements.TryGetValue(key, out var desired) || desired != element)
            {
                _touched.Add(key, element);
            }
        }
        foreach (var key in _elements.Keys.Where(k => !actual.ContainsKey(k)))
        {
            _touched.Add(key, null);
        }
        return differing;
    }

    /// <summary>What the kernel was thought to hold under a key: what is desired, unless that changed since.</summary>
    private NftElement? Believed(NftElement key) => _touched.TryGetValue(key, out var former) ? former
        : InKernel && _elements.TryGetValue(key, out var element) ? element
        : null;

    private int CountBelieved() => !InKernel ? 0
        : _elements.Keys.Count(k => !_touched.ContainsKey(k)) + _touched.Values.Count(e => e is not null);

    private void Touch(NftElement key) =>
        _touched.TryAdd(key, _elements.TryGetValue(key, out var element) ? element : null);

    private static NftElement KeyOf(NftElement element) => element with { Data = null, Verdict = null, Object = null, IsUnusual = false };
}
