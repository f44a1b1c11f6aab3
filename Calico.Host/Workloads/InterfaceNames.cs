using System.Net;
using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Text;

namespace Calico.Host.Workloads;

/// <summary>Names and addresses that follow from an endpoint's id, so that a restarted process finds the same ones.</summary>
public static class InterfaceNames
{
    /// <summary>MAC of every host side, as upstream's.</summary>
    public static readonly PhysicalAddress HostMac = new([0xee, 0xee, 0xee, 0xee, 0xee, 0xee]);

    /// <summary>EUI-64 link-local address of <see cref="HostMac"/>: gateway of IPv6 workloads.</summary>
    public static readonly IPAddress HostLinkLocal = IPAddress.Parse("fe80::ecee:eeff:feee:eeee");

    /// <summary>Host side's name: prefix and 11 characters. The first interface of a Kubernetes pod has upstream's name (sha1 of
    /// <c>namespace.pod</c>), that of another container its id's start, so that upstream's tools find them; the rest a digest of the
    /// whole id.</summary>
    /// <param name="prefix">At most 4 characters: a name has 15 (IFNAMSIZ).</param>
    /// <param name="id">Which endpoint.</param>
    /// <param name="taken">Whether another endpoint has that name; then the digest is used.</param>
    public static string HostInterface(string prefix, WorkloadEndpointId id, Func<string, bool> taken)
    {
        if (id is { Orchestrator: "k8s", Endpoint: "eth0" })
        {
            return prefix + Digest(id.Workload);
        }

        if (id.Endpoint == "eth0" && id.Workload.Length >= 12 && id.Workload.All(char.IsAsciiHexDigitLower) && !taken(prefix + id.Workload[..11]))
        {
            return prefix + id.Workload[..11];
        }

        return prefix + Digest(id.ToString());
    }

    /// <summary>A locally administered unicast MAC that follows from the id; never the host side's, whose equality would give both ends
    /// the same IPv6 link-local address.</summary>
    public static PhysicalAddress Mac(WorkloadEndpointId id)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes($"mac {id}"));
        var bytes = digest[..6];
        bytes[0] = (byte)((bytes[0] & 0xfc) | 0x02);
        return bytes.All(b => b == 0xee) ? new([0x02, 0, 0, 0, 0, 1]) : new(bytes);
    }

    // Not a secret: SHA-1 is upstream's choice for this name (cni-plugin, VethNameForWorkload).
#pragma warning disable CA5350
    private static string Digest(string text) => Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(text)))[..11];
#pragma warning restore CA5350
}
