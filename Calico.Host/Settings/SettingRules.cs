using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Calico.Datastore.Addresses;
using Calico.Datastore.Settings;
using Calico.Host.Node;

namespace Calico.Host.Settings;

/// <summary>What the host's settings may be beyond their types. A rule is one line here; what a parameter of FelixConfiguration may be is
/// said there for both (<see cref="FelixParameters"/>), and narrowed here at most.</summary>
/// <remarks>A value that passes is used as it is: nothing casts, clamps or ignores it later.</remarks>
internal static partial class SettingRules
{
    public static IReadOnlyList<SettingRule<HostSettings>> All { get; } =
    [
        new(nameof(HostSettings.Mtu), s => s.Mtu is 0 or (>= 68 and <= 65535),
            "0 (that of the node's interface) or a number from 68 to 65535"),
        new(nameof(HostSettings.Ipv4PoolBlockSize), s => s.Ipv4PoolBlockSize is >= 20 and <= 32, "a number from 20 to 32"),
        // Names of interfaces have 15 characters, 11 of them tell ours apart.
        new(nameof(HostSettings.InterfacePrefix), s => Prefix().IsMatch(s.InterfacePrefix),
            "1 to 4 of a-z, A-Z, 0-9, '_', '-' and '.', the first a letter"),
        new(nameof(HostSettings.StoreListen), s => s.StoreListen.Length == 0 || TryLoopback(s.StoreListen, out _),
            "a loopback address and port such as 127.0.0.1:2379, or empty"),
        new(nameof(HostSettings.MetricsHost), s => IPAddress.TryParse(s.MetricsHost, out _),
            "an IP address of this node, such as 127.0.0.1; 0.0.0.0 or :: for all"),
        new(nameof(HostSettings.Ipv4), s => AddressDetection.IsSetting(s.Ipv4, AddressFamily.InterNetwork),
            "an IPv4 address with or without /length, autodetect, or none"),
        new(nameof(HostSettings.Ipv6), s => AddressDetection.IsSetting(s.Ipv6, AddressFamily.InterNetworkV6),
            "an IPv6 address with or without /length, autodetect, or none"),
        new(nameof(HostSettings.Ipv4PoolCidr), s => IsPool(s.Ipv4PoolCidr, AddressFamily.InterNetwork, s.Ipv4PoolBlockSize),
            "an IPv4 CIDR such as 192.168.0.0/16 that holds a block, 'none', or empty"),
        new(nameof(HostSettings.Ipv6PoolCidr), s => IsPool(s.Ipv6PoolCidr, AddressFamily.InterNetworkV6, HostSettings.Ipv6PoolBlockSize),
            "an IPv6 CIDR such as fd00:65::/64 that holds a block, 'none', or empty"),
        new(nameof(HostSettings.NodeName), s => s.NodeName.Length == 0 || Node.NodeName.IsValid(s.NodeName),
            "at most 253 of a-z, 0-9, '-' and '.', starting and ending with a letter or digit"),
        new(nameof(HostSettings.DataDirectory), s => Path.IsPathFullyQualified(s.DataDirectory), "an absolute path"),
        new(nameof(HostSettings.LogLevels), s => LogLevels.TryParse(s.LogLevels, out _),
            "a comma list of ADAPTER=LEVEL, the level one of debug, info, warning, error"),
        new(nameof(HostSettings.PluginDirectory), s => Path.IsPathFullyQualified(s.PluginDirectory), "an absolute path"),
    ];

    public static bool TryLoopback(string text, out IPEndPoint? endpoint) =>
        IPEndPoint.TryParse(text, out endpoint) && IPAddress.IsLoopback(endpoint.Address) && endpoint.Port > 0;

    private static bool IsPool(string text, AddressFamily family, int blockSize) => text is "" or "none"
        || (Cidr.TryParse(text, out _) && IPNetwork.TryParse(text, out var network) && network.BaseAddress.AddressFamily == family
            && network.PrefixLength <= blockSize
            && IPAddress.TryParse(text.Split('/')[0], out var address) && address.Equals(network.BaseAddress));

    [GeneratedRegex(@"\A[a-zA-Z][a-zA-Z0-9_.-]{0,3}\z")]
    private static partial Regex Prefix();
}
