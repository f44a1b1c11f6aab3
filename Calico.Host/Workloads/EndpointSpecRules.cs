using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Calico.Datastore.Resources.Formats;
using Calico.Host.Workloads.Ports;

namespace Calico.Host.Workloads;

/// <summary>What the host asks of an adapter's input, whichever adapter it is. Adapters check their own protocol; this is the last gate
/// before names reach the kernel and the store.</summary>
internal static class EndpointSpecRules
{
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> with the field's path.</exception>
    public static void Check(EndpointSpec spec, Placement? place)
    {
        Label(spec.Id.Orchestrator, "id.orchestrator");
        // A namespace's and a pod's longest names, 63 and 253, with a dot between.
        Name(spec.Id.Workload, "id.workload", 317);
        Name(spec.Id.Endpoint, "id.endpoint", 128);
        Name(spec.Instance, "instance", 256);
        // Policy selects by it, so it has no other form.
        Label(spec.Namespace, "namespace");
        var ways = (spec.Claim is null ? 0 : 1) + (spec.Leased.IsEmpty ? 0 : 1) + (spec.Unmanaged.IsEmpty ? 0 : 1);
        if (ways != 1)
        {
            throw new CalicoException(Problem.Invalid,
                $"{spec.Id}: exactly one of claim, leased and unmanaged brings addresses; {ways} are set", "claim");
        }

        if (spec.Claim is { } claim && claim.Exact.Distinct().Count() != claim.Exact.Length)
        {
            throw new CalicoException(Problem.Invalid, $"{spec.Id}: an address is asked for twice: {string.Join(", ", claim.Exact)}",
                "claim.exact");
        }

        if (spec.Mtu is < 68 or > 65535)
        {
            throw new CalicoException(Problem.Invalid, $"MTU {spec.Mtu} is not between 68 and 65535", "mtu");
        }

        if (spec.Mac is { } mac)
        {
            var bytes = mac.GetAddressBytes();
            if (bytes.Length != 6 || (bytes[0] & 1) != 0 || bytes.All(b => b == 0))
            {
                throw new CalicoException(Problem.Invalid, $"'{EndpointRecord.Format(mac)}' is not a unicast MAC address", "mac");
            }

            if (mac.Equals(InterfaceNames.HostMac))
            {
                throw new CalicoException(Problem.Invalid,
                    "ee:ee:ee:ee:ee:ee is the host side's MAC address; the workload needs another", "mac");
            }
        }

        PortRules.Check(spec.Ports);
        if (place is not null)
        {
            Check(place);
        }
    }

    /// <summary>An interface name the kernel takes (dev_valid_name): 1-15 bytes, no '/', ':' or white space, not '.' or '..'.</summary>
    public static void Check(Placement place)
    {
        var name = place.InterfaceName;
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > 15 || name is "." or ".."
            || name.Any(c => c is '/' or ':' or '%' || char.IsWhiteSpace(c) || char.IsControl(c)))
        {
            throw new CalicoException(Problem.Invalid, $"'{name}' is not an interface name: 1 to 15 bytes without '/', ':', '%' or spaces",
                "placement.interfaceName");
        }

        if (place.Namespace is not null && name == "lo")
        {
            throw new CalicoException(Problem.Invalid, "interface 'lo' is the namespace's loopback", "placement.interfaceName");
        }
    }

    /// <summary>Addresses of another IPAM may not lie in our pools, nor be another endpoint's: two owners of one address.</summary>
    /// <param name="id">Whose they are to be.</param>
    /// <param name="unmanaged">What the other IPAM gave.</param>
    /// <param name="pools">All pools.</param>
    /// <param name="others">Who has an address on this node, whoever gave it.</param>
    public static void CheckUnmanaged(WorkloadEndpointId id, ImmutableArray<IPNetwork> unmanaged, ImmutableArray<AddressPool> pools,
        Func<IPAddress, WorkloadEndpointId?> others)
    {
        foreach (var address in unmanaged.Select(n => n.BaseAddress))
        {
            if (unmanaged.Count(n => n.BaseAddress.Equals(address)) > 1)
            {
                throw new CalicoException(Problem.Invalid, $"address {address} is given twice to one interface", "unmanaged");
            }

            if (WhyNotHost(address) is { } reason)
            {
                throw new CalicoException(Problem.Invalid, $"address {address} {reason} and cannot be a workload's", "unmanaged");
            }

            if (others(address) is { } owner && owner != id)
            {
                throw new CalicoException(Problem.AlreadyExists,
                    $"address {address} comes from another IPAM but {owner} on this node has it", "unmanaged");
            }

            var pool = pools.FirstOrDefault(p => p.Cidr.BaseAddress.AddressFamily == address.AddressFamily && p.Cidr.Contains(address));
            if (pool is not null)
            {
                throw new CalicoException(Problem.Invalid,
                    $"address {address} comes from another IPAM but lies in IP pool '{pool.Name}' ({pool.Cidr}): let Calico assign it, or "
                        + "take a range outside the pools", "unmanaged");
            }
        }
    }

    /// <summary>Why no interface may have an address: RFC 1122 3.2.1.3, RFC 1112, RFC 3927, RFC 4291 2.5.</summary>
    private static string? WhyNotHost(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return address.IsIPv6Multicast ? "is multicast"
                : address.Equals(IPAddress.IPv6Any) ? "is unspecified"
                : IPAddress.IsLoopback(address) ? "is loopback"
                : address.IsIPv6LinkLocal ? "is link-local"
                : address.IsIPv4MappedToIPv6 ? "is an IPv4 address in IPv6's clothes" : null;
        }

        return address.GetAddressBytes() switch
        {
            [0, ..] => "is unspecified",
            [127, ..] => "is loopback",
            [169, 254, ..] => "is link-local",
            [>= 224 and < 240, ..] => "is multicast",
            [>= 240, ..] => "is reserved or broadcast",
            _ => null,
        };
    }

    private static void Label(string value, string path)
    {
        if (NameFormats.Label(value) is not null)
        {
            throw new CalicoException(Problem.Invalid,
                $"'{value}' cannot be used: at most 63 of a-z, 0-9 and '-', starting and ending with a letter or digit", path);
        }
    }

    private static void Name(string value, string path, int max)
    {
        if (value.Length == 0 || value.Length > max || value.Any(c => char.IsControl(c) || c == '/'))
        {
            throw new CalicoException(Problem.Invalid, $"'{value}' cannot be used: 1 to {max} characters without '/'", path);
        }
    }
}
