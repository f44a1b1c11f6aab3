namespace Calico.Dataplane.Translation;

/// <summary>The counters that rules name: which there should be, which the kernel has, which may go.</summary>
/// <param name="clock">Of the table: a chain that waits for the grace period may still name one.</param>
internal sealed class TableCounters(GraceClock clock)
{
    private readonly HashSet<string> _desired = new(StringComparer.Ordinal);

    /// <summary>Those of them that the kernel has not. Few: each commit asks.</summary>
    private readonly HashSet<string> _new = new(StringComparer.Ordinal);

    /// <summary>With the commit that leads nobody there any more; 0: a stranger's or a former process's.</summary>
    private readonly Dictionary<string, long> _doomed = new(StringComparer.Ordinal);

    public bool IsPending => _doomed.Count + _new.Count > 0;

    /// <summary>Those that the kernel has not.</summary>
    public IReadOnlyCollection<string> New => _new;

    /// <summary>Those that nothing in the kernel names any more.</summary>
    public IEnumerable<string> Deletable => _doomed.Where(d => clock.IsOver(d.Value)).Select(d => d.Key);

    public void Define(string name)
    {
        if (_desired.Add(name) && !_doomed.Remove(name))
        {
            _new.Add(name);
        }
    }

    public void Remove(string name)
    {
        if (_desired.Remove(name) && !_new.Remove(name))
        {
            _doomed.Add(name, clock.Next);
        }
    }

    /// <summary>New ones stand in the kernel.</summary>
    public void SettleNew() => _new.Clear();

    /// <summary>What could be deleted is.</summary>
    public void SettleDeleted()
    {
        foreach (var name in Deletable.ToList())
        {
            _doomed.Remove(name);
        }
    }

    /// <summary>Takes what the kernel really has.</summary>
    /// <returns>In words, what is otherwise than it was thought to be.</returns>
    public IEnumerable<string> Rebase(IReadOnlySet<string> found)
    {
        var (thought, leaving) = (_desired.Except(_new).ToHashSet(), _doomed.ToDictionary());
        _doomed.Clear();
        _new.Clear();
        _new.UnionWith(_desired.Where(name => !found.Contains(name)));
        foreach (var stranger in found.Where(c => !_desired.Contains(c)))
        {
            _doomed.Add(stranger, leaving.GetValueOrDefault(stranger));
        }

        thought.ExceptWith(found);
        return _doomed.Keys.Except(leaving.Keys).Select(c => $"counter {c} is not ours").ToList()
            .Concat(thought.Select(c => $"counter {c} is gone"));
    }

    /// <summary>As if the table were not there.</summary>
    public void ForgetKernel()
    {
        _doomed.Clear();
        _new.UnionWith(_desired);
    }
}
