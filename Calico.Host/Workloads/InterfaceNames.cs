using System.Net;
using System.Net.NetworkInformation;
using System.Security.Cryptography;
using System.Text;

namespace Calico.Host.Workloads;

/// <summary>Names and addresses that follow from an endpoint's id, so that a restarted process finds the same ones.</summary>
internal static class InterfaceNames
{
    /// <summary>MAC of every host side, as upstream's.</summary>
    public static readonly PhysicalAddress HostMac = new([0xee, 0xee, 0xee, 0xee, 0xee, 0xee]);

    /// <summary>EUI-64 link-local address of <see cref="HostMac"/>: gateway of IPv6 workloads.</summary>
    public static readonly IPAddress HostLinkLocal = IPAddress.Parse("fe80::ecee:eeff:feee:eeee");

    /// <summary>How many names are tried. Each is 44 bits of a digest, so that the second is free unless somebody searched for it.
    /// </summary>
    private const int Candidates = 16;

    /// <summary>Host side's name: prefix and 11 characters. The first interface of a Kubernetes pod has upstream's name (sha1 of
    /// <c>namespace.pod</c>), that of another container its id's start, so that upstream's tools find them; the rest a digest of the
    /// whole id. All of them are too short to tell endpoints apart, so a name that another has leads to the next one.</summary>
    /// <param name="prefix">At most 4 characters: a name has 15 (IFNAMSIZ).</param>
    /// <param name="id">Which endpoint.</param>
    /// <param name="tryTake">Takes a name for it, unless another endpoint has it.</param>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: others have all of its names.</exception>
    public static string HostInterface(string prefix, WorkloadEndpointId id, Func<string, bool> tryTake) =>
        Suffixes(id).Select(s => prefix + s).FirstOrDefault(tryTake) ?? throw new CalicoException(Problem.AlreadyExists,
            $"every interface name of {id} is another endpoint's ({string.Join(", ", Suffixes(id).Distinct().Select(s => prefix + s))}): "
                + "remove one of those, or name this one differently");

    /// <summary>A locally administered unicast MAC that follows from the id; never the host side's, whose equality would give both ends
    /// the same IPv6 link-local address.</summary>
    /// <param name="id">Which endpoint.</param>
    /// <param name="isTaken">Whether another endpoint of this node has it.</param>
    public static PhysicalAddress Mac(WorkloadEndpointId id, Func<PhysicalAddress, bool> isTaken) =>
        Enumerable.Range(1, Candidates).Select(n => MacOf(n == 1 ? $"mac {id}" : $"mac {n} {id}"))
            .FirstOrDefault(m => !m.Equals(HostMac) && !isTaken(m))
        ?? throw new CalicoException(Problem.AlreadyExists, $"every MAC address of {id} is another endpoint's: ask for one by name", "mac");

    private static IEnumerable<string> Suffixes(WorkloadEndpointId id)
    {
        if (id is { Orchestrator: "k8s", Endpoint: "eth0" })
        {
            yield return Digest(id.Workload);
        }
        else if (id.Endpoint == "eth0" && id.Workload.Length >= 12 && id.Workload.All(char.IsAsciiHexDigitLower))
        {
            yield return id.Workload[..11];
        }

        yield return Digest(id.ToString());
        for (var n = 2; n < Candidates; n++)
        {
            yield return Digest($"{id} {n}");
        }
    }

    private static PhysicalAddress MacOf(string text)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(text))[..6];
        bytes[0] = (byte)((bytes[0] & 0xfc) | 0x02);
        return new(bytes);
    }

    // Not a secret: SHA-1 is upstream's choice for this name (cni-plugin, VethNameForWorkload).
#pragma warning disable CA5350
    private static string Digest(string text) => Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(text)))[..11];
#pragma warning restore CA5350
}
