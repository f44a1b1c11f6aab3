using System.Collections.Immutable;
using Calico.Datastore.Addresses;

namespace Calico.Ipam;

/// <summary>Which pools serve a request. Pure.</summary>
public static class PoolChoice
{
    /// <summary>Pools of one family that serve a request, in the order of preference.</summary>
    /// <param name="pools">All pools.</param>
    /// <param name="ipVersion">4 or 6.</param>
    /// <param name="requested">Names or CIDRs. They are used whatever their selectors and mode say; empty: those that select.</param>
    /// <param name="nodeLabels">The node's labels.</param>
    /// <param name="namespaceLabels">Null: the request has no namespace.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: a requested pool does not exist or is disabled;
    /// <see cref="Problem.Invalid"/>: a malformed selector.</exception>
    public static ImmutableArray<IpamPool> Of(ImmutableArray<IpamPool> pools, int ipVersion, ImmutableArray<string> requested,
        IReadOnlyDictionary<string, string> nodeLabels, IReadOnlyDictionary<string, string>? namespaceLabels)
    {
        var enabled = pools.Where(p => p.Cidr.Version == ipVersion && !p.Disabled).ToImmutableArray();
        if (requested.IsEmpty)
        {
            return [.. enabled.Where(p => !p.IsManual && p.SelectsNode(nodeLabels) && p.SelectsNamespace(namespaceLabels))];
        }

        return [.. requested.Select(r => Find(enabled, r)
            ?? throw new CalicoException(Problem.NotFound, $"the given pool ({r}) does not exist, or is not enabled")).Distinct()];
    }

    /// <summary>The pool that a name or CIDR means, or null.</summary>
    public static IpamPool? Find(ImmutableArray<IpamPool> pools, string nameOrCidr) =>
        pools.FirstOrDefault(p => p.Name == nameOrCidr)
        ?? (nameOrCidr.Contains('/', StringComparison.Ordinal) && Cidr.TryParse(nameOrCidr, out var cidr)
            ? pools.FirstOrDefault(p => p.Cidr == cidr)
            : null);
}
