using System.Collections.Immutable;
using System.Net;

namespace Calico;

/// <summary>Default policy of a named network: its members may talk to each other and out.</summary>
/// <param name="Internal">Docker's <c>--internal</c>: only members of the same network, both ways.</param>
/// <param name="LabelsToApply">Labels each member inherits.</param>
public sealed record ProfileDefaults(bool Internal, ImmutableSortedDictionary<string, string> LabelsToApply)
{
    /// <summary>Anybody may talk to members (upstream's CNI default under Kubernetes). Decides when the profile is made; one that stands
    /// stays as open or closed as it is.</summary>
    public bool OpenIngress { get; init; }

    /// <summary>Whoever asks does not know whether the network is internal: a profile that stands stays as internal as it is, and
    /// <see cref="Internal"/> decides only where none does.</summary>
    public bool KeepsInternal { get; init; }

    /// <summary>Not empty: it only lets anybody in to these container ports (host ports do not count), and its members have a network's
    /// profile before it. It is no network: no labels, nothing about what members send.</summary>
    public ImmutableArray<PublishedPort> OpenPorts { get; init; } = [];

    /// <summary>Not empty: members and these addresses reach each other, and it says nothing else (a Mesos task
    /// that is in no group is reached by its machine alone). It is no network: no labels.</summary>
    public ImmutableArray<IPNetwork> Peers { get; init; } = [];
}
