using Calico.Datastore.Store;

namespace Calico.TestKit.Store;

/// <summary>Decides, call by call, what goes wrong. Counts calls whether or not they fail.</summary>
public sealed class StoreFaultScript
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(StoreCallKind, int), StoreFault> _planned = [];
    private readonly Dictionary<StoreCallKind, int> _counts = [];
    private Func<StoreCallKind, StoreTransaction?, StoreFault>? _rule;

    /// <summary>Every call fails at once, until set back.</summary>
    public bool Dead { get; set; }

    /// <summary>Every call hangs until the caller gives up, until set back. Calls that hang already stay so.</summary>
    public bool Hanging { get; set; }

    /// <summary>Every call takes that long, by the store's clock.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>How many calls of a kind there have been.</summary>
    public int Count(StoreCallKind kind)
    {
        lock (_gate)
        {
            return _counts.GetValueOrDefault(kind);
        }
    }

    /// <summary>The <paramref name="nth"/> commit from now on (1: the next) goes wrong.</summary>
    public void OnCommit(int nth, StoreFault fault) => On(StoreCallKind.Commit, nth, fault);

    /// <summary>The <paramref name="nth"/> call of a kind from now on (1: the next) goes wrong.</summary>
    public void On(StoreCallKind kind, int nth, StoreFault fault)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(nth, 1);
        lock (_gate)
        {
            _planned[(kind, _counts.GetValueOrDefault(kind) + nth)] = fault;
        }
    }

    /// <summary>A rule asked for every call that nothing else decides; null: none.</summary>
    public void Use(Func<StoreCallKind, StoreTransaction?, StoreFault>? rule)
    {
        lock (_gate)
        {
            _rule = rule;
        }
    }

    internal StoreFault Next(StoreCallKind kind, StoreTransaction? transaction)
    {
        Func<StoreCallKind, StoreTransaction?, StoreFault>? rule;
        lock (_gate)
        {
            var count = _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
            if (Dead)
            {
                return StoreFault.Fail;
            }

            if (Hanging)
            {
                return StoreFault.Hang;
            }

            if (_planned.Remove((kind, count), out var planned))
            {
                return planned;
            }

            rule = _rule;
        }

        return rule?.Invoke(kind, transaction) ?? StoreFault.None;
    }
}
