namespace Calico.Dataplane.Translation;

/// <summary>The counters that rules name: which there should be, which the kernel has, which may go.</summary>
/// <param name="clock">Of the table: a chain that waits for the grace period may still name one.</param>
internal sealed class TableCounters(GraceClock clock)
{
    /// <summary>Whether the kernel has it.</summary>
    private readonly Dictionary<string, bool> _desired = new(StringComparer.Ordinal);

    /// <summary>With the commit that leads nobody there any more; 0: a stranger's or a former process's.</summary>
    private readonly Dictionary<string, long> _doomed = new(StringComparer.Ordinal);

    public bool IsPending => _doomed.Count > 0 || _desired.ContainsValue(false);

    /// <summary>Those that the kernel has not.</summary>
    public IEnumerable<string> New => _desired.Where(c => !c.Value).Select(c => c.Key);

    /// <summary>Those that nothing in the kernel names any more.</summary>
    public IEnumerable<string> Deletable => _doomed.Where(d => clock.IsOver(d.Value)).Select(d => d.Key);

    public void Define(string name) => _desired.TryAdd(name, _doomed.Remove(name));

    public void Remove(string name)
    {
        if (_desired.Remove(name, out var inKernel) && inKernel)
        {
            _doomed.Add(name, clock.Next);
        }
    }

    /// <summary>New ones stand in the kernel.</summary>
    public void SettleNew()
    {
        foreach (var name in New.ToList())
        {
            _desired[name] = true;
        }
    }

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
        var (thought, leaving) = (_desired.Where(c => c.Value).Select(c => c.Key).ToHashSet(), _doomed.ToDictionary());
        _doomed.Clear();
        foreach (var name in _desired.Keys.ToList())
        {
            _desired[name] = found.Contains(name);
        }

        foreach (var stranger in found.Where(c => !_desired.ContainsKey(c)))
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
        foreach (var name in _desired.Keys.ToList())
        {
            _desired[name] = false;
        }
    }
}
