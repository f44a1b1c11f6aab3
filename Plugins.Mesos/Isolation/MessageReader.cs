using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Calico.Plugins.Mesos.Containers;
using Calico.Plugins.Mesos.V1;
using Google.Protobuf.Collections;
using Protocol = Calico.Plugins.Mesos.V1.NetworkInfo.Types.Protocol;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>Requests as this adapter's own: checked once, with the field's name.</summary>
internal static class MessageReader
{
    /// <summary>Of nesting: Mesos has no bound, a message has.</summary>
    private const int MaxDepth = 32;

    private const int MaxName = 128;
    private const int MaxLabels = 256;
    private const int MaxPorts = 64;
    private const int MaxAgent = 128;

    public static ContainerPath Container(ContainerID? id, string field = "container_id")
    {
        var ids = new List<string>();
        for (var at = id; at is not null; at = at.Parent)
        {
            ids.Insert(0, at.Value);
            if (ids.Count > MaxDepth)
            {
                throw Invalid(field, $"is nested deeper than {MaxDepth}");
            }
        }

        return ids.Count > 0 ? ContainerPath.Of(ids, field) : throw Invalid(field, "is missing");
    }

    public static string Agent(string agent) =>
        agent.Length <= MaxAgent && agent.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')
        ? agent
        : throw Invalid("agent", $"'{agent}' is no name of an agent: up to {MaxAgent} letters, digits, '.', '-' and '_'");

    public static int Pid(uint pid) =>
        pid is > 0 and <= int.MaxValue ? (int)pid : throw Invalid("pid", pid == 0 ? "is missing" : $"{pid} is no process id");

    public static string Uid(string uid) => AddressLeases.IsUid(uid)
        ? uid
        : throw Invalid("uid", uid.Length == 0 ? "is missing" : $"'{uid}' is no uid: 1 to 128 letters, digits, '.', '-' and '_'");

    public static int Count(uint count, string field) => count <= AddressLeases.MaxCount
        ? (int)count
        : throw Invalid(field, string.Create(CultureInfo.InvariantCulture, $"is {count}; at most {AddressLeases.MaxCount} can be"));

    public static ImmutableArray<IPAddress> Addresses(RepeatedField<string> texts, string field) =>
        [.. texts.Select(t => Address(t, field)).Distinct()];

    /// <param name="infos">As they came.</param>
    /// <param name="withAddresses">Whether addresses are asked for.</param>
    public static ImmutableArray<NetworkRequest> Networks(RepeatedField<NetworkInfo> infos, bool withAddresses)
    {
        if (infos.Count > NetworkRequest.MaxNetworks)
        {
            throw Invalid("network_infos", $"are {infos.Count}; at most {NetworkRequest.MaxNetworks} can be");
        }

        if (infos.GroupBy(i => i.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw Invalid("network_infos.name", $"'{twice.Key}' is there twice");
        }

        return [.. infos.Select(i => Network(i, withAddresses))];
    }

    private static NetworkRequest Network(NetworkInfo info, bool withAddresses)
    {
        if (info.Name.Length is 0 or > MaxName || info.Name.Any(c => char.IsControl(c) || c == '/'))
        {
            throw Invalid("network_infos.name", info.Name.Length == 0 ? "is missing"
                : $"'{info.Name}' is no name of a network: 1 to {MaxName} characters without '/'");
        }

        foreach (var group in info.Groups)
        {
            Netgroups.Check(group, "network_infos.groups");
        }

        if (info.Groups.Count == 0)
        {
            Netgroups.Check(info.Name, "network_infos.name");
        }

        if (info.Labels.Count > MaxLabels)
        {
            throw Invalid("network_infos.labels", $"are {info.Labels.Count}; at most {MaxLabels} can be");
        }

        var request = new NetworkRequest
        {
            Name = info.Name,
            Groups = [.. info.Groups.Distinct()],
            Labels = [.. info.Labels.Select(l => KeyValuePair.Create(l.Key, l.Value))],
            Ports = [.. Ports(info.PortMappings)],
        };
        return withAddresses ? WithAddresses(request, info) : request;
    }

    private static NetworkRequest WithAddresses(NetworkRequest request, NetworkInfo info)
    {
        var exact = info.IpAddresses.Where(a => a.IpAddress.Length > 0).ToList();
        if (info.LeaseUid.Length > 0)
        {
            return info.IpAddresses.Count == 0 && info.Pools.Count == 0
                ? request with { LeaseUid = Uid(info.LeaseUid) }
                : throw Invalid("network_infos.lease_uid", "brings the addresses; ip_addresses and pools cannot be asked for beside it");
        }

        if (exact.Count > 0 && exact.Count < info.IpAddresses.Count)
        {
            throw Invalid("network_infos.ip_addresses", "have an address here and none there: ask for all by address, or for none");
        }

        if (exact.Count > 0)
        {
            return request with { Exact = [.. exact.Select(a => Exact(a).ToString()).Distinct()], Pools = [.. info.Pools] };
        }

        var ipv6 = info.IpAddresses.Count(a => a.Protocol == Protocol.Ipv6);
        var ipv4 = info.IpAddresses.Count == 0 ? 1 : info.IpAddresses.Count - ipv6;
        return ipv4 + ipv6 <= AddressLeases.MaxCount
            ? request with { Ipv4 = ipv4, Ipv6 = ipv6, Pools = [.. info.Pools] }
            : throw Invalid("network_infos.ip_addresses", $"are {ipv4 + ipv6}; at most {AddressLeases.MaxCount} can be");
    }

    private static IPAddress Exact(NetworkInfo.Types.IPAddress asked)
    {
        const string field = "network_infos.ip_addresses.ip_address";
        var address = Address(asked.IpAddress, field);
        var fits = asked.Protocol switch
        {
            Protocol.Ipv4 => address.AddressFamily == AddressFamily.InterNetwork,
            Protocol.Ipv6 => address.AddressFamily == AddressFamily.InterNetworkV6,
            _ => true,
        };
        return fits ? address : throw Invalid(field, $"{address} is not of the protocol that stands beside it");
    }

    private static IEnumerable<PortRequest> Ports(RepeatedField<NetworkInfo.Types.PortMapping> mappings)
    {
        const string field = "network_infos.port_mappings";
        if (mappings.Count > MaxPorts)
        {
            throw Invalid(field, $"are {mappings.Count}; at most {MaxPorts} can be");
        }

        foreach (var mapping in mappings)
        {
            var protocol = mapping.Protocol.Length == 0 ? "tcp" : mapping.Protocol.ToLowerInvariant();
            if (protocol is not ("tcp" or "udp" or "sctp"))
            {
                throw Invalid(field + ".protocol", $"'{mapping.Protocol}' is none of tcp, udp and sctp");
            }

            if (mapping.HostPort > 65535 || mapping.ContainerPort is 0 or > 65535)
            {
                throw Invalid(field, string.Create(CultureInfo.InvariantCulture,
                    $"{mapping.HostPort} to {mapping.ContainerPort} are no ports"));
            }

            yield return new((int)mapping.HostPort, (int)mapping.ContainerPort, protocol);
        }
    }

    private static IPAddress Address(string text, string field) =>
        IPAddress.TryParse(text, out var address) && (address.AddressFamily == AddressFamily.InterNetworkV6
        ? address.ScopeId == 0 && !address.IsIPv4MappedToIPv6
        : text.Count(c => c == '.') == 3)
        ? address
        : throw Invalid(field, $"'{text}' is no address");

    private static CalicoException Invalid(string field, string what) => new(Problem.Invalid, $"{field}: {what}", field);
}
