namespace Calico.Host.Stages;

/// <summary>What a stage did not do well when it was drained or stopped.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="Step"><c>drain</c> or <c>stop</c>.</param>
/// <param name="Reason">For people.</param>
internal sealed record StageFault(string Stage, string Step, string Reason);
