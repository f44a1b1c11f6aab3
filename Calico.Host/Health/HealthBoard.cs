using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Calico.Host.Health;

/// <summary>One check's last word.</summary>
/// <param name="Part">Host part or adapter.</param>
/// <param name="Check">Stable short name.</param>
/// <param name="Ok">Whether it is well.</param>
/// <param name="Reason">For people; empty when well.</param>
/// <param name="NeededForReady">Whether a failure turns the node unready.</param>
public sealed record HealthLine(string Part, string Check, bool Ok, string Reason, bool NeededForReady);

/// <summary>What each part last said of itself. Parts write, <c>/ready</c> and <c>status</c> read.</summary>
public sealed class HealthBoard
{
    private readonly ConcurrentDictionary<(string Part, string Check), HealthLine> _lines = new();

    public ImmutableArray<HealthLine> Lines => [.. _lines.Values.OrderBy(l => l.Part, StringComparer.Ordinal).ThenBy(l => l.Check, StringComparer.Ordinal)];

    /// <summary>Reasons why the node is not ready; empty: ready.</summary>
    public ImmutableArray<string> NotReady =>
        [.. Lines.Where(l => l is { NeededForReady: true, Ok: false }).Select(l => $"{l.Part}: {l.Check}: {l.Reason}")];

    public void Report(string part, string check, bool ok, string reason, bool neededForReady = false) =>
        _lines[(part, check)] = new(part, check, ok, ok ? "" : reason, neededForReady);

    public void Forget(string part)
    {
        foreach (var key in _lines.Keys.Where(k => k.Part == part))
        {
            _lines.TryRemove(key, out _);
        }
    }
}
