namespace Calico.Host.Timings;

/// <summary>What a call spent in one stage.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="Took">All of it, if it was there more than once.</param>
/// <param name="IsBeside">It is a part of another stage, and others may run beside it: not a part of the total.</param>
internal readonly record struct StageTime(string Stage, TimeSpan Took, bool IsBeside);
