namespace Calico;

/// <summary>How an adapter is told to go, and how it tells how it is.</summary>
public interface IPluginLifetime
{
    /// <summary>Cancelled when this adapter must drain: refuse new work, end long polls and streams with the protocol's "try again"
    /// at once, let short calls end. Connections are cut <see cref="DrainTime"/> later.</summary>
    CancellationToken Draining { get; }

    /// <summary>Time from <see cref="Draining"/> to the cut.</summary>
    TimeSpan DrainTime { get; }

    /// <summary>One line of this adapter's health. Shown by <c>calicoctl status</c>; a failed one never turns the node unready.</summary>
    /// <param name="check">Stable short name.</param>
    /// <param name="ok">Whether it is well.</param>
    /// <param name="reason">For people; empty when well.</param>
    void Report(string check, bool ok, string reason);
}
