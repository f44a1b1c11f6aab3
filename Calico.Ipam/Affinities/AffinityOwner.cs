using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>Who a block belongs to: a node, or a pseudo-node such as that of load balancers.</summary>
/// <param name="Name">Node name.</param>
/// <param name="IsVirtual">Whether it is a pseudo-node.</param>
public readonly record struct AffinityOwner(string Name, bool IsVirtual = false)
{
    /// <summary>The pseudo-node of load balancer addresses.</summary>
    public static AffinityOwner LoadBalancer { get; } = new("load-balancer", true);

    /// <summary>As in a block: <c>host:&lt;node&gt;</c>.</summary>
    public string Text => IsVirtual ? $"virtual:{Name}" : $"host:{Name}";

    /// <summary>Reads a block's affinity; null when it has none or one of an unknown kind.</summary>
    public static AffinityOwner? Parse(string? text) =>
        text is null ? null
        : text.StartsWith("host:", StringComparison.Ordinal) ? new(text["host:".Length..])
        : text.StartsWith("virtual:", StringComparison.Ordinal) ? new(text["virtual:".Length..], true)
        : null;

    /// <summary>Key of its affinity to a block.</summary>
    public string Key(Cidr block) => IpamKeys.Affinity(Name, IsVirtual, block.ToString());

    /// <summary>Prefix of its affinities of a family.</summary>
    public string Keys(int ipVersion) => IpamKeys.Affinities(Name, IsVirtual, ipVersion);
}
