using System.Collections.Immutable;
using System.Net;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>The <c>ipam</c> object.</summary>
internal sealed record IpamConfiguration
{
    public const string Ours = "calico-ipam";

    public string Type { get; init; } = "";

    public bool AssignIpv4 { get; init; } = true;

    public bool AssignIpv6 { get; init; }

    public ImmutableArray<string> Ipv4Pools { get; init; } = [];

    public ImmutableArray<string> Ipv6Pools { get; init; } = [];

    public ImmutableArray<CniRoute> Routes { get; init; } = [];

    /// <summary>Somewhere a subnet is <c>usePodCidr</c>: a host-local configuration that only the Kubernetes API can complete.</summary>
    public bool UsesPodCidr { get; init; }

    /// <summary>Another plugin assigns the addresses.</summary>
    public bool IsDelegated => Type.Length > 0 && Type != Ours;

    public static IpamConfiguration Read(ConfigurationObject ipam)
    {
        if (!ipam.IsPresent)
        {
            return new IpamConfiguration();
        }

        var type = ipam.Text("type");
        if (type.Contains('/'))
        {
            ipam.Fault("type", "must be the name of a plugin, not a path");
        }

        var delegated = type.Length > 0 && type != Ours;
        var routes = ImmutableArray.CreateBuilder<CniRoute>();
        // A delegate's object is the delegate's to read, except what we have to know to call it.
        if (!delegated)
        {
            CniResultReader.ReadRoutes(ipam, routes);
        }

        return new IpamConfiguration
        {
            Type = type,
            AssignIpv4 = delegated || ipam.Flag("assign_ipv4", fallback: true),
            AssignIpv6 = !delegated && ipam.Flag("assign_ipv6"),
            Ipv4Pools = delegated ? [] : Pools(ipam, "ipv4_pools", ipv4: true),
            Ipv6Pools = delegated ? [] : Pools(ipam, "ipv6_pools", ipv4: false),
            Routes = routes.ToImmutable(),
            UsesPodCidr = delegated && ipam.Raw("subnet").Contains("usePodCidr", StringComparison.OrdinalIgnoreCase)
                || delegated && ipam.Raw("ranges").Contains("usePodCidr", StringComparison.OrdinalIgnoreCase),
        };
    }

    /// <summary>Pools are names or CIDRs; a CIDR of the other family is noticed here, a name only by the host.</summary>
    private static ImmutableArray<string> Pools(ConfigurationObject ipam, string field, bool ipv4)
    {
        var pools = ipam.Texts(field);
        for (var i = 0; i < pools.Length; i++)
        {
            if (pools[i].Length == 0)
            {
                ipam.Fault($"{field}[{i}]", "must not be empty");
            }
            else if (pools[i].Contains('/') && (!InterfaceAddress.TryParse(pools[i], out var cidr) || cidr.IsIpv4 != ipv4))
            {
                ipam.Fault($"{field}[{i}]", $"\"{pools[i]}\" is not an {(ipv4 ? "IPv4" : "IPv6")} CIDR");
            }
        }

        return pools;
    }
}
