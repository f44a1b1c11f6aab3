using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Calico.Host.Health;

/// <summary>One check's last word.</summary>
/// <param name="Part">Host part or adapter.</param>
/// <param name="Check">Stable short name.</param>
/// <param name="Ok">Whether it is well.</param>
/// <param name="Reason">For people; empty when well.</param>
/// <param name="NeededForReady">Whether a failure turns the node unready.</param>
internal sealed record HealthLine(string Part, string Check, bool Ok, string Reason, bool NeededForReady);

/// <summary>What each part says of itself, for people and probes: <c>/ready</c>, <c>status</c> and metrics read it, no part acts on it.
/// </summary>
/// <remarks>A part tells (<see cref="Report"/>, <see cref="Check"/>) or is asked (<see cref="Ask"/>). Safe from any thread.</remarks>
internal sealed class HealthBoard
{
    private readonly ConcurrentDictionary<(string Part, string Check), Func<HealthLine>> _lines = new();

    /// <summary>All checks, by part and name; who is asked is asked now.</summary>
    public ImmutableArray<HealthLine> Lines =>
        [.. _lines.Values.Select(line => line()).OrderBy(l => l.Part, StringComparer.Ordinal).ThenBy(l => l.Check, StringComparer.Ordinal)];

    /// <summary>Reasons why the node is not ready; empty: ready.</summary>
    public ImmutableArray<string> NotReady =>
        [.. Lines.Where(l => l is { NeededForReady: true, Ok: false }).Select(l => $"{l.Part}: {l.Check}: {l.Reason}")];

    /// <summary>A check that its part tells of.</summary>
    public HealthCheck Check(string part, string name) => new(this, part, name);

    /// <summary>A check that is asked whenever somebody looks, so it is never old.</summary>
    /// <param name="part">Host part.</param>
    /// <param name="check">Stable short name.</param>
    /// <param name="reason">Why it is not well; null: it is. At once, and from any thread.</param>
    public void Ask(string part, string check, Func<string?> reason) => _lines[(part, check)] = () =>
    {
        try
        {
            return reason() is { } ill ? new(part, check, false, ill, false) : new(part, check, true, "", false);
        }
        catch (Exception e)
        {
            // One that cannot answer is not well, and must not keep the others from being seen.
            return new(part, check, false, $"cannot be told: {e.Message}", false);
        }
    };

    public void Report(string part, string check, bool ok, string reason, bool neededForReady = false)
    {
        var line = new HealthLine(part, check, ok, ok ? "" : reason, neededForReady);
        _lines[(part, check)] = () => line;
    }
}
