using Calico.Felix;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What a set or map should hold. The difference to the kernel is kept by touched element, so that a large set is held once.</summary>
internal sealed class SetContent(NftSet definition)
{
    /// <summary>Where one range ends and the next begins, the end comes first.</summary>
    private static readonly Comparer<NftElement> ByKey = Comparer<NftElement>.Create((a, b) =>
        a.Key.Bytes.SequenceCompareTo(b.Key.Bytes) is not 0 and var order ? order : IsEnd(b).CompareTo(IsEnd(a)));

    /// <summary>By key, without what it leads to.</summary>
    private readonly Delta<NftElement, NftElement> _elements = new();

    public NftSet Definition => definition;

    public bool InKernel { get; set; }

    public bool IsSettled => InKernel && !_elements.IsPending;

    public int Count => _elements.Desired.Count;

    /// <summary>Adds an element, or changes its data.</summary>
    public void Add(NftElement element) => _elements.Set(KeyOf(element), element);

    public void Remove(NftElement element) => _elements.Remove(KeyOf(element));

    public bool Contains(NftElement element) => _elements.Desired.ContainsKey(KeyOf(element));

    /// <summary>Makes the elements these and no others.</summary>
    public void Replace(IEnumerable<NftElement> elements) => _elements.Replace(elements.ToDictionary(KeyOf));

    /// <summary>What the kernel has to lose and to gain. Changed data is both: the kernel refuses an element that is there with other
    /// data.</summary>
    public (List<NftElement> Deleted, List<NftElement> Added) Difference()
    {
        if (definition is { Interval: true, Key.Length: 1 })
        {
            return DifferenceOfRanges();
        }
        var (deleted, added) = (new List<NftElement>(), new List<NftElement>());
        foreach (var change in _elements.Changes)
        {
            if (change.Was)
            {
                deleted.Add(change.Former);
            }
            if (change.Is)
            {
                added.Add(change.Desired);
            }
        }
        return (deleted, added);
    }

    /// <summary>The kernel takes and deletes a range only as a whole: its start, and right after it its end (nft_rbtree_deactivate, since
    /// 6.18; a listing has them the other way round). So a range of which one side changed goes and comes with both.</summary>
    private (List<NftElement> Deleted, List<NftElement> Added) DifferenceOfRanges()
    {
        var changes = _elements.Changes.ToList();
        var gone = changes.Where(c => c.Is).Select(c => c.Key).ToHashSet();
        var former = Ranges(_elements.Desired.Where(e => !gone.Contains(e.Key)).Select(e => e.Value).Concat(changes.Where(c => c.Was).Select(c => c.Former)));
        var desired = Ranges(_elements.Desired.Values);
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
        _elements.Settle();
    }

    /// <summary>Takes what the kernel really holds as the base of the difference.</summary>
    /// <param name="inKernel">Null: the set is not there.</param>
    /// <returns>How many elements the kernel holds otherwise than was thought.</returns>
    public int Rebase(IReadOnlyCollection<NftElement>? inKernel)
    {
        var (found, differing) = (0, 0);
        var actual = new Dictionary<NftElement, NftElement>();
        foreach (var element in inKernel ?? [])
        {
            var key = KeyOf(element);
            actual[key] = element;
            var isThought = _elements.TryGetTold(key, out var thought);
            found += isThought ? 1 : 0;
            differing += isThought && thought == element ? 0 : 1;
        }
        differing += _elements.ToldCount - found;
        InKernel = inKernel is not null;
        _elements.Rebase(actual);
        return differing;
    }

    private static NftElement KeyOf(NftElement element) => element with { Data = null, Verdict = null, Object = null, IsUnusual = false };
}
