using System.Collections.Immutable;
using System.Net.Sockets;
using Calico.Plugins.Cni.Protocol;

namespace Calico.Plugins.Cni;

/// <summary>Pools that stand in the list of the other family. The claim has one list for both, so a mistake would go unseen there and
/// the address would come from any pool that fits.</summary>
internal sealed class PoolFamilies(IIpam ipam)
{
    /// <exception cref="CniException">Code 7, with the field and the pool.</exception>
    public async Task CheckAsync(CniCall call, NetworkConfiguration configuration, CancellationToken ct)
    {
        if (configuration.Ipam.IsDelegated)
        {
            return;
        }

        var asked = AnnotationRequest.Of(call, configuration);
        var (ipv4, ipv6) = (asked.Ipv4Pools ?? configuration.Ipam.Ipv4Pools, asked.Ipv6Pools ?? configuration.Ipam.Ipv6Pools);
        if (ipv4.IsEmpty && ipv6.IsEmpty)
        {
            return;
        }

        var pools = await ipam.ListPoolsAsync(ct);
        Check(ipv4, pools, AddressFamily.InterNetworkV6, "IPv4", "IPv6", "ipam.ipv4_pools");
        Check(ipv6, pools, AddressFamily.InterNetwork, "IPv6", "IPv4", "ipam.ipv6_pools");
    }

    /// <summary>Why no ADD of this network can get its addresses: a pool that it names is not there or takes none, or none is left.
    /// </summary>
    /// <returns>Null: nothing speaks against it.</returns>
    public async Task<string?> TroubleAsync(NetworkConfiguration configuration, CancellationToken ct)
    {
        var wanted = configuration.Ipam;
        if (wanted.IsDelegated)
        {
            return null;
        }

        var pools = await ipam.ListPoolsAsync(ct);
        return TroubleOf(pools, wanted.AssignIpv4, wanted.Ipv4Pools, AddressFamily.InterNetwork, "ipam.ipv4_pools")
            ?? TroubleOf(pools, wanted.AssignIpv6, wanted.Ipv6Pools, AddressFamily.InterNetworkV6, "ipam.ipv6_pools");
    }

    private static string? TroubleOf(ImmutableArray<AddressPool> pools, bool isAsked, ImmutableArray<string> names, AddressFamily family,
        string field)
    {
        if (!isAsked)
        {
            return null;
        }

        for (var i = 0; i < names.Length; i++)
        {
            var found = pools.FirstOrDefault(p => p.Name == names[i] || p.Cidr.ToString() == names[i]);
            if (found is null or { Disabled: true })
            {
                return $"{field}[{i}]: the given pool ({names[i]}) does not exist, or is not enabled";
            }
        }

        return names.IsEmpty && pools.All(p => p.Disabled || p.Cidr.BaseAddress.AddressFamily != family)
            ? $"no IP pool of {(family == AddressFamily.InterNetwork ? "IPv4" : "IPv6")} is enabled"
            : null;
    }

    private static void Check(ImmutableArray<string> names, ImmutableArray<AddressPool> pools, AddressFamily wrong, string family,
        string other, string field)
    {
        for (var i = 0; i < names.Length; i++)
        {
            var name = names[i];
            if (pools.Any(p => (p.Name == name || p.Cidr.ToString() == name) && p.Cidr.BaseAddress.AddressFamily == wrong))
            {
                throw new CniException(CniCode.InvalidConfiguration,
                    $"provided {family} IPPools list contains one or more {other} IPPools: '{name}'", $"{field}[{i}]");
            }
        }
    }
}
