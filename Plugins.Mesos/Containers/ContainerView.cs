using System.Collections.Immutable;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>A container as it is now.</summary>
/// <param name="Record">As it was prepared.</param>
/// <param name="Interfaces">With what the host knows of each; null: it has lost it.</param>
internal sealed record ContainerView(ContainerRecord Record,
    ImmutableArray<(string Interface, NetworkRequest Network, Attachment? Endpoint)> Interfaces)
{
    /// <summary>A container without a network of ours.</summary>
    public bool IsManaged => Record.SharesNetworkOf is not null || !Record.Networks.IsEmpty;
}
