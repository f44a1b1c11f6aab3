using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>The addresses that this machine is reached by: in 2016 the first that was neither <c>lo</c>'s nor <c>docker0</c>'s.</summary>
internal sealed class HostAddresses(TimeProvider time, Func<ImmutableArray<IPNetwork>> read)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    /// <summary>Of containers and tunnels: ours and others'.</summary>
    private static readonly string[] NotTheMachines = ["cali", "docker", "br-", "veth", "tunl", "vxlan", "wireguard", "cni", "virbr"];

    private readonly Lock _guard = new();
    private ImmutableArray<IPNetwork> _known = [];
    private long _readAt;

    /// <summary>/32 and /128; a minute old at most.</summary>
    public ImmutableArray<IPNetwork> Current
    {
        get
        {
            lock (_guard)
            {
                if (_known.IsEmpty || time.GetElapsedTime(_readAt) > Lifetime)
                {
                    (_known, _readAt) = (read(), time.GetTimestamp());
                }

                return _known;
            }
        }
    }

    /// <summary>As the kernel has them in the namespace of this process.</summary>
    public static ImmutableArray<IPNetwork> Read() =>
    [
        .. NetworkInterface.GetAllNetworkInterfaces()
            .Where(i => i.NetworkInterfaceType != NetworkInterfaceType.Loopback
                && !NotTheMachines.Any(n => i.Name.StartsWith(n, StringComparison.Ordinal)))
            .SelectMany(i => i.GetIPProperties().UnicastAddresses).Select(a => a.Address)
            .Where(a => !a.IsIPv6LinkLocal && !IPAddress.IsLoopback(a))
            .Select(a => new IPNetwork(a.AddressFamily == AddressFamily.InterNetwork ? a : new(a.GetAddressBytes()), a.GetAddressBytes()
                .Length * 8))
            .Distinct().OrderBy(n => n.ToString(), StringComparer.Ordinal),
    ];
}
