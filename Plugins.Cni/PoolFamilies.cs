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
            return;
        var asked = AnnotationRequest.Of(call, configuration);
        var (ipv4, ipv6) = (asked.Ipv4Pools ?? configuration.Ipam.Ipv4Pools, asked.Ipv6Pools ?? configuration.Ipam.Ipv6Pools);
        if (ipv4.IsEmpty && ipv6.IsEmpty)
            return;
        var pools = await ipam.ListPoolsAsync(ct);
        Check(ipv4, pools, AddressFamily.InterNetworkV6, "IPv4", "IPv6", "ipam.ipv4_pools");
        Check(ipv6, pools, AddressFamily.InterNetwork, "IPv6", "IPv4", "ipam.ipv6_pools");
    }

    private static void Check(ImmutableArray<string> names, ImmutableArray<AddressPool> pools, AddressFamily wrong, string family, string other, string field)
    {
        for (var i = 0; i < names.Length; i++)
        {
            var name = names[i];
            if (pools.Any(p => (p.Name == name || p.Cidr.ToString() == name) && p.Cidr.BaseAddress.AddressFamily == wrong))
                throw new CniException(CniCode.InvalidConfiguration, $"provided {family} IPPools list contains one or more {other} IPPools: '{name}'", $"{field}[{i}]");
        }
    }
}
