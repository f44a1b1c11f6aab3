namespace Calico.Host.Stages;

/// <summary>A part of the host's life. A new one is a file and a line in <see cref="StartOrder"/>.</summary>
/// <remarks>Called by <see cref="StageSequence"/> alone, one call at a time for a stage: start, drain, stop. Drain and stop have a bound of
/// their own there; a stage that is not done by then is named and left.</remarks>
internal interface IHostStage
{
    /// <summary>For messages, e.g. <c>adapters</c>.</summary>
    string Name { get; }

    /// <summary>What its start does, said to those who wait for it: <c>the kernel's tables are being read</c>.</summary>
    string Doing { get; }

    /// <summary>Starts it, on everything before it.</summary>
    /// <exception cref="CalicoException">What has to be mended first, in words: the host does not start.</exception>
    Task StartAsync(CancellationToken ct);

    /// <summary>Takes nothing new and lets end what is under way, while everything still works. Also after a start that failed or never
    /// came.</summary>
    Task DrainAsync(CancellationToken ct) => Task.CompletedTask;

    /// <summary>Ends it and gives back all that it holds, also what a start that failed half-way, or none, has left.</summary>
    Task StopAsync(CancellationToken ct);
}
