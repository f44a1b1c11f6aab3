namespace Calico.Host.Health;

/// <summary>What one part says in <c>GET /status</c>.</summary>
internal interface IStatusPart
{
    /// <summary>Names it when it cannot say anything.</summary>
    string Part { get; }

    /// <summary>Reads what it has to say.</summary>
    /// <returns>Adds that, and leaves the others' members alone.</returns>
    Task<Func<StatusReport, StatusReport>> ReadAsync(CancellationToken ct);
}
