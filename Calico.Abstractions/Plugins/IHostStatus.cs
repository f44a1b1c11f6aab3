using System.Collections.Immutable;

namespace Calico;

/// <summary>What the host can do now. Answered from memory, never waits.</summary>
public interface IHostStatus
{
    /// <summary>Whether a workload can be connected; the reasons when not: no sync yet, the kernel refused, no address can be had.
    /// </summary>
    (bool Ready, ImmutableArray<string> Reasons) CanConnect { get; }

    /// <summary>The store revision that the kernel enforces, and how long ago the store last confirmed it. A dead store shows as a
    /// growing age, not as an error.</summary>
    (long Revision, TimeSpan Age) Enforcing { get; }

    /// <summary>This node's name, as in the Node resource.</summary>
    string NodeName { get; }
}
