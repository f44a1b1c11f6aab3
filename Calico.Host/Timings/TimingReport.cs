namespace Calico.Host.Timings;

/// <summary>Where calls' time goes: a stage of a kind of call. Milliseconds; count, first and maximum since the start, the rest of the last
/// 256.</summary>
/// <param name="Adapter">Whose calls; <c>store</c>: the file on this node's disk.</param>
/// <param name="Call">The verb; those that failed are counted apart, as <c>ADD failed</c>.</param>
/// <param name="Stage">In the order of a call; <c>total</c> is what its caller waited.</param>
internal sealed record TimingReport(string Adapter, string Call, string Stage, long Count, double FirstMs, double P50Ms, double P99Ms,
    double MaxMs);
