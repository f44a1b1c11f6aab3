using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Calico.Plugins.Cni.Protocol;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Cni;

/// <summary>Turns a call into the endpoint that is wanted. Reads one file (the MTU), asks nobody.</summary>
internal sealed partial class EndpointPlanner(CniSettings settings, IHostStatus host, TimeProvider time, ILogger<EndpointPlanner> log)
{
    private static readonly CniRoute DefaultIpv4 = new(new IPNetwork(IPAddress.Any, 0), null);
    private static readonly CniRoute DefaultIpv6 = new(new IPNetwork(IPAddress.IPv6Any, 0), null);

    // Profiles of Kubernetes namespaces and service accounts, and of published ports: a network of such a name would share one with them,
    // and be as open as it.
    private static readonly string[] OthersPrefixes = ["kns.", "ksa.", PortsPrefix];

    private const string PortsPrefix = "publish.";

    /// <summary>What the profile that the network's members share is called after, and what it says when it is made.</summary>
    /// <exception cref="CniException">The network is called like somebody else's profile.</exception>
    public static (string Name, ProfileDefaults Defaults) ProfileOf(CniCall call, NetworkConfiguration configuration)
    {
        if (configuration.IsKubernetesPolicy && call.Args.IsKubernetes)
        {
            var labels = ImmutableSortedDictionary<string, string>.Empty.Add("pcns.projectcalico.org/name", call.Args.PodNamespace);
            return ($"kns.{call.Args.PodNamespace}", new ProfileDefaults(false, labels) { OpenIngress = true });
        }

        if (OthersPrefixes.FirstOrDefault(prefix => configuration.Name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) is { } taken)
        {
            throw new CniException(CniCode.InvalidConfiguration,
                $"network '{configuration.Name}': its members' profile would be one that '{taken}' begins the name of, and is not the "
                    + "network's; call the network otherwise", "name");
        }

        var own = ImmutableSortedDictionary<string, string>.Empty.Add(configuration.Name, "");
        return (configuration.Name, new ProfileDefaults(false, own) { OpenIngress = call.Args.IsKubernetes });
    }

    /// <summary>Profiles that the container is a member of: a Mesos task's groups, else the network's.</summary>
    /// <exception cref="CniException">As <see cref="ProfileOf"/>.</exception>
    public static ImmutableArray<(string Name, ProfileDefaults Defaults)> MembershipsOf(CniCall call, NetworkConfiguration configuration) =>
        configuration.Mesos.Groups.IsEmpty ? [ProfileOf(call, configuration)]
            : [.. configuration.Mesos.Groups.Select(g => (g, MesosGroups.DefaultsOf(g)))];

    /// <summary>The profile that opens the published ports, where the network's does not; null: there is nothing to open.</summary>
    /// <remarks>By what it opens, so that containers with the same ports share it, and a person finds it.</remarks>
    public static (string Name, ProfileDefaults Defaults)? PortsProfileOf(CniCall call, NetworkConfiguration configuration)
    {
        // By 127.0.0.1 only the node itself comes, which needs no profile.
        var outside = configuration.PublishedPorts.RemoveAll(p => p.HostIp is { } host && IPAddress.IsLoopback(host));
        if (outside.IsEmpty || MembershipsOf(call, configuration).Any(m => m.Defaults.OpenIngress))
        {
            return null;
        }

        var ports = outside.DistinctBy(p => (p.Protocol, p.ContainerPort)).OrderBy(p => p.Protocol).ThenBy(p => p.ContainerPort)
            .Select(p => new PublishedPort(p.Protocol, null, 0, 0, p.ContainerPort)).ToImmutableArray();
        var list = string.Join('.', ports.Select(p => string.Create(CultureInfo.InvariantCulture,
            $"{(p.Protocol == ProtocolType.Tcp ? "tcp" : p.Protocol == ProtocolType.Udp ? "udp" : "sctp")}-{p.ContainerPort}")));
        return (PortsPrefix + list, new ProfileDefaults(false, ImmutableSortedDictionary<string, string>.Empty) { OpenPorts = ports });
    }

    /// <param name="request">A valid ADD.</param>
    /// <param name="id">From <see cref="EndpointLookup"/>.</param>
    /// <param name="delegated">What another IPAM gave; null: ours is asked.</param>
    /// <param name="namespaceIdentity">Interfaces of one namespace share it.</param>
    /// <param name="profiles">The profiles' names in the store, in the order they are asked.</param>
    public EndpointSpec Plan(CniRequest request, WorkloadEndpointId id, CniResult? delegated, ulong namespaceIdentity,
        ImmutableArray<string> profiles)
    {
        var (call, configuration) = (request.Call, request.Configuration);
        WarnOfWhatIsNotDone(configuration);
        var asked = AnnotationRequest.Of(call, configuration);
        var claim = delegated is null && asked.AddressesWithoutIpam.IsEmpty
            ? ClaimFor(call, configuration, asked, LeasePurpose.Endpoint) : null;
        var unmanaged = delegated?.Addresses.Select(a => a.Address.Address) ?? asked.AddressesWithoutIpam;
        return new EndpointSpec
        {
            Id = id,
            Instance = call.ContainerId,
            Network = configuration.Name,
            Namespace = call.Args.IsKubernetes ? call.Args.PodNamespace : "default",
            Profiles = profiles,
            Labels = configuration.Labels,
            Claim = claim,
            Ports = configuration.Mesos.Ports,
            Unmanaged = claim is null ? [.. unmanaged.Select(a => InterfaceAddress.Host(a).ToNetwork())] : [],
            Mac = asked.Mac ?? configuration.RequestedMac ?? call.Args.Mac,
            Mtu = MtuOf(configuration),
            Routes = RoutesOf(configuration, delegated),
            AllowedSources = settings.AllowSourceSpoofing ? asked.AllowedSources : [],
            AllowForwarding = configuration.AllowsForwarding,
            NamespaceGroup = namespaceIdentity.ToString(CultureInfo.InvariantCulture),
            Facts = FactsOf(call),
        };
    }

    /// <summary>A claim with upstream's handle and attributes.</summary>
    public AddressClaim ClaimFor(CniCall call, NetworkConfiguration configuration, AnnotationRequest asked, LeasePurpose purpose)
    {
        var exact = !asked.Addresses.IsEmpty ? asked.Addresses
            : !configuration.RequestedAddresses.IsEmpty ? configuration.RequestedAddresses
            : [.. call.Args.Addresses];
        var (ipv4, ipv6) = asked.Families ?? (configuration.Ipam.AssignIpv4, configuration.Ipam.AssignIpv6);
        if (exact.IsEmpty && !ipv4 && !ipv6)
        {
            throw new CniException(CniCode.InvalidConfiguration, "ipam.assign_ipv4 and ipam.assign_ipv6 are both false", "ipam");
        }

        // Pools of a family that is not asked for would be a mistake for the host to complain of; upstream ignores them.
        var pools = (ipv4 ? asked.Ipv4Pools ?? configuration.Ipam.Ipv4Pools : [])
            .AddRange(ipv6 ? asked.Ipv6Pools ?? configuration.Ipam.Ipv6Pools : []);
        return new AddressClaim
        {
            Handle = HandleOf(configuration.Name, call.ContainerId),
            Purpose = purpose,
            Owner = configuration.Name,
            Ipv4 = exact.IsEmpty && ipv4 ? 1 : 0,
            Ipv6 = exact.IsEmpty && ipv6 ? 1 : 0,
            Exact = exact,
            Pools = exact.IsEmpty ? pools : [],
            Namespace = call.Args.PodNamespace,
            Attributes = AttributesOf(call),
        };
    }

    /// <summary>Upstream's handle. A dot in the container's id is escaped by what is in no name, or <c>a</c> with <c>b.c</c> would own
    /// what <c>a.b</c> with <c>c</c> does; and so is an upper-case letter, because handles are compared without case: <c>Web</c> would
    /// own what <c>web</c> does.</summary>
    public static string HandleOf(string network, string containerId) => $"{Escape(network, "")}.{Escape(containerId, ".")}";

    private static string Escape(string name, string more) =>
        string.Concat(name.Select(c => char.IsAsciiLetterUpper(c) || more.Contains(c) ? $"%{(int)c:x2}" : $"{c}"));

    /// <summary>Upstream's order: the configuration's, then the file's, then the node's.</summary>
    /// <returns>Null: the node's.</returns>
    public int? MtuOf(NetworkConfiguration configuration)
    {
        string text;
        try
        {
            if (configuration.Mtu != 0 && !configuration.RequiresMtuFile)
            {
                return configuration.Mtu;
            }

            text = File.ReadAllText(settings.MtuFile);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException && !configuration.RequiresMtuFile)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CniException(CniCode.Calico, $"failed to read MTU file: {e.Message}", settings.MtuFile);
        }

        if (!int.TryParse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var mtu))
        {
            throw new CniException(CniCode.Calico, $"failed to read MTU file: \"{text.Trim()}\" is not a number", settings.MtuFile);
        }

        return configuration.Mtu != 0 ? configuration.Mtu : mtu;
    }

    /// <summary>Routes of a delegate or of the configuration; the gateways in them belong to a bridge that is not there, ours is used.
    /// </summary>
    /// <returns>Empty: the default route, which is also what a list of nothing but default routes says. The host gives it to one
    /// interface of a namespace only, and could not if it were asked for by name.</returns>
    private static ImmutableArray<Route> RoutesOf(NetworkConfiguration configuration, CniResult? delegated)
    {
        var given = delegated?.Routes ?? configuration.Ipam.Routes;
        if (given.All(r => r.Destination.PrefixLength == 0))
        {
            return [];
        }

        var defaults = configuration.IncludesDefaultRoutes ? DefaultRoutesFor(configuration, delegated) : [];
        return [.. defaults.Concat(given).Select(r => new Route(r.Destination, null)).Distinct()];
    }

    private static IEnumerable<CniRoute> DefaultRoutesFor(NetworkConfiguration configuration, CniResult? delegated)
    {
        if (delegated?.Addresses.Any(a => a.Address.IsIpv4) ?? configuration.Ipam.AssignIpv4)
        {
            yield return DefaultIpv4;
        }

        if (delegated?.Addresses.Any(a => a.Address.Address.AddressFamily == AddressFamily.InterNetworkV6) ?? configuration.Ipam.AssignIpv6)
        {
            yield return DefaultIpv6;
        }
    }

    private static ImmutableSortedDictionary<string, string> FactsOf(CniCall call)
    {
        var facts = ImmutableSortedDictionary<string, string>.Empty.Add("containerID", call.ContainerId);
        return call.Args.IsKubernetes ? facts.Add("pod", call.Args.PodName)
            // podman's name of the container: people know it by that.
            : call.Args.PodName.Length > 0 ? facts.Add("name", call.Args.PodName) : facts;
    }

    private ImmutableSortedDictionary<string, string> AttributesOf(CniCall call)
    {
        // Go's default text of a time, because upstream's tools show this field as it stands.
        var now = time.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + " +0000 UTC";
        var attributes = ImmutableSortedDictionary<string, string>.Empty.Add("node", host.NodeName).Add("timestamp", now);
        return call.Args.IsKubernetes
            ? attributes.Add("namespace", call.Args.PodNamespace).Add("pod", call.Args.PodName)
            : attributes;
    }

    private void WarnOfWhatIsNotDone(NetworkConfiguration configuration)
    {
        if (configuration.NodeName.Length > 0 && configuration.NodeName != host.NodeName)
        {
            Log.OtherNodeName(log, configuration.Name, configuration.NodeName, host.NodeName);
        }

        if (configuration.DeviceType == "netkit")
        {
            Log.NoNetkit(log, configuration.Name);
        }

        if (configuration.HasReadinessGates)
        {
            Log.NoReadinessGates(log, configuration.Name);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7010, LogLevel.Warning,
            "Network {Network} names node {Configured}; this host is {Node} and records its endpoints so")]
        public static partial void OtherNodeName(ILogger log, string network, string configured, string node);

        [LoggerMessage(7011, LogLevel.Warning, "Network {Network} wants device_type netkit; a veth pair is made")]
        public static partial void NoNetkit(ILogger log, string network);

        [LoggerMessage(7012, LogLevel.Warning,
            "Network {Network} has readiness_gates; they are not polled, ADD waits for this host's own readiness")]
        public static partial void NoReadinessGates(ILogger log, string network);
    }
}
