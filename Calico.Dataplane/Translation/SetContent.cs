using Calico.Felix;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What a set or map should hold. The difference to the kernel is kept by touched element, so that a large set is held once.
/// </summary>
/// <remarks>
/// Rules are asked as of one generation, sets as they are at each lookup. So of an address that moves between two sets which one packet
/// asks, the packet could find neither. What makes a rule match comes first, and what ends a match waits for the grace period: an element
/// that leaves, or, where rules ask for what is not in the set, one that comes. Ranges do not wait: where packets are judged by them, they
/// are other sets when they change.
/// </remarks>
/// <param name="definition">Its name for ever.</param>
/// <param name="clock">Of the table.</param>
internal sealed class SetContent(NftSet definition, GraceClock clock)
{
    /// <summary>Where one range ends and the next begins, the end comes first.</summary>
    private static readonly Comparer<NftElement> ByKey = Comparer<NftElement>.Create((a, b) =>
        a.Key.Bytes.SequenceCompareTo(b.Key.Bytes) is not 0 and var order ? order : IsEnd(b).CompareTo(IsEnd(a)));

    /// <summary>By key, without what it leads to.</summary>
    private readonly Delta<NftElement, NftElement> _elements = new();

    /// <summary>With which commit a key that differs was changed.</summary>
    private readonly Dictionary<NftElement, long> _since = [];

    public NftSet Definition => definition;

    /// <summary>What leaves it is to stop at once: the dispatch of endpoints.</summary>
    public bool LeavesAtOnce { get; set; }

    /// <summary>Rules ask for what is not in it, and only so.</summary>
    public bool AsksAbsence { get; set; }

    /// <summary>Whether something waits for the end of a grace period.</summary>
    public bool HoldsBack => _elements.Changes.Any(Waits);

    /// <summary>The same of one address.</summary>
    public bool HoldsBackOf(NftValue address) => _elements.Changes.Any(c => Waits(c) && c.Key.Key.Bytes.StartsWith(address.Bytes));

    public bool InKernel { get; set; }

    public bool IsSettled => InKernel && !_elements.IsPending;

    public int Count => _elements.Desired.Count;

    /// <summary>Adds an element, or changes its data.</summary>
    public void Add(NftElement element)
    {
        var key = KeyOf(element);
        if (_elements.Desired.TryGetValue(key, out var former) && former == element)
        {
            return;
        }

        _elements.Set(key, element);
        Date(key);
    }

    public void Remove(NftElement element)
    {
        var key = KeyOf(element);
        if (_elements.Desired.ContainsKey(key))
        {
            _elements.Remove(key);
            Date(key);
        }
    }

    public bool Contains(NftElement element) => _elements.Desired.ContainsKey(KeyOf(element));

    /// <summary>Makes the elements these and no others.</summary>
    public void Replace(IEnumerable<NftElement> elements)
    {
        var desired = elements.ToDictionary(KeyOf);
        foreach (var gone in _elements.Desired.Values.Where(e => !desired.ContainsKey(KeyOf(e))).ToList())
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
        foreach (var change in _elements.Changes.Where(c => !Waits(c)))
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
        var former = Ranges(_elements.Desired.Where(e => !gone.Contains(e.Key)).Select(e => e.Value)
            .Concat(changes.Where(c => c.Was).Select(c => c.Former)));
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

    /// <summary>The kernel holds it now, apart from what waits.</summary>
    public void Settle()
    {
        _elements.Settle(Waits);
        InKernel = true;
        ForgetDates();
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
        ForgetDates();
        return differing;
    }

    /// <summary>What nobody dated, a stranger's or a former process's, does not wait.</summary>
    private bool Waits(Delta<NftElement, NftElement>.Change change) => InKernel && !LeavesAtOnce && !definition.Interval
        && (AsksAbsence ? change is { Was: false, Is: true } : change is { Was: true, Is: false })
        && _since.TryGetValue(change.Key, out var commit) && !clock.IsOver(commit);

    private void Date(NftElement key)
    {
        if (_elements.Differs(key) && !definition.Interval)
        {
            _since[key] = clock.Next;
        }
        else
        {
            _since.Remove(key);
        }
    }

    private void ForgetDates()
    {
        if (!_elements.IsPending)
        {
            _since.Clear();
            return;
        }

        foreach (var key in _since.Keys.Where(k => !_elements.Differs(k)).ToList())
        {
            _since.Remove(key);
        }
    }

    private static NftElement KeyOf(NftElement element) => element with { Data = null, Verdict = null, Object = null, IsUnusual = false };
}
