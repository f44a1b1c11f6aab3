using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Calico.Host.Plugins;

/// <summary>The last word of each adapter that can ask its orchestrator what runs (<see cref="ILiveWorkloads"/>).</summary>
internal sealed class LiveReports(TimeProvider time)
{
    /// <summary>Shorter than <see cref="Calico.Ipam.NodeIpamOptions.UnboundGrace"/>: a report that is no older was made after a lease that
    /// has been unbound for all of that. By this process's clock, so that no clock that jumps ends a lease.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, Word> _words = new(StringComparer.Ordinal);

    /// <summary>The adapter will report, and has not yet.</summary>
    public void Expect(string adapter) => _words.TryAdd(adapter, new(null, null, 0));

    /// <param name="adapter">Whose word it is.</param>
    /// <param name="report">It.</param>
    /// <param name="askedAt">Timestamp of the question.</param>
    public void Note(string adapter, LiveReport report, long askedAt) => _words.AddOrUpdate(
        adapter,
        _ => new(report, report.Complete ? report : null, askedAt),
        (_, before) => report.Complete ? new(report, report, askedAt) : before with { Last = report });

    /// <summary>Whether a lease must not be ended by its age: a report names its address or its endpoint, or its adapter reports and has
    /// made no complete one lately.</summary>
    public bool IsInUse(AddressLease lease) =>
        _words.Values.Any(word => word.Names(lease))
        || (_words.TryGetValue(lease.Adapter, out var own) && (own.Complete is null || time.GetElapsedTime(own.CompleteAt) >= Lifetime));

    /// <param name="Last">Complete or not: what it names lives.</param>
    /// <param name="Complete">The last complete one.</param>
    /// <param name="CompleteAt">When it was asked for.</param>
    private sealed record Word(LiveReport? Last, LiveReport? Complete, long CompleteAt)
    {
        public bool Names(AddressLease lease) => Named.Any(report => report.Addresses.Contains(lease.Address)
            || (lease.BoundTo is { } endpoint && report.Endpoints.Any(e => e.Id == endpoint)));

        private ImmutableArray<LiveReport> Named => [.. new[] { Last, Complete }.OfType<LiveReport>().Distinct()];
    }
}
